// UTF-8 (RFC 3629, Unicode 15 table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.

@inline
function isTrail(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}

/** Address behind the sequence of two to four bytes at `at`; 0 when it is no UTF-8. Up to 4 bytes are read. */
export function sequenceEnd(at: usize): usize {
  const lead = <u32>load<u8>(at);
  const second = <u32>load<u8>(at, 1);
  if (lead < 0xc2 || lead > 0xf4 || !isTrail(second)) return 0;
  if (lead < 0xe0) return at + 2;
  if (!isTrail(load<u8>(at, 2))) return 0;
  if (lead < 0xf0) {
    if (lead == 0xe0 && second < 0xa0) return 0; // overlong
    if (lead == 0xed && second > 0x9f) return 0; // surrogates
    return at + 3;
  }
  if (!isTrail(load<u8>(at, 3))) return 0;
  if (lead == 0xf0 && second < 0x90) return 0; // overlong
  if (lead == 0xf4 && second > 0x8f) return 0; // above U+10FFFF
  return at + 4;
}

/** Are the bytes of [at, end) UTF-8? Up to 8 bytes behind them are read. */
export function isUtf8(at: usize, end: usize): bool {
  while (at < end) {
    if (at + 8 <= end && (load<u64>(at) & 0x8080808080808080) == 0) at += 8;
    else if (load<u8>(at) < 0x80) at++;
    else {
      at = sequenceEnd(at);
      if (at == 0) return false;
    }
  }
  return at == end; // past it when the last sequence is cut
}

/**
 * Writes a code point. A lone surrogate becomes the three bytes of its number (WTF-8): it stays distinct from every other
 * string, and is no valid UTF-8 any more.
 *
 * @returns address behind what was written
 */
export function writeCodePoint(at: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(at, code);
    return at + 1;
  }
  if (code < 0x800) {
    store<u8>(at, 0xc0 | (code >> 6));
    store<u8>(at, 0x80 | (code & 0x3f), 1);
    return at + 2;
  }
  if (code < 0x10000) {
    store<u8>(at, 0xe0 | (code >> 12));
    store<u8>(at, 0x80 | ((code >> 6) & 0x3f), 1);
    store<u8>(at, 0x80 | (code & 0x3f), 2);
    return at + 3;
  }
  store<u8>(at, 0xf0 | (code >> 18));
  store<u8>(at, 0x80 | ((code >> 12) & 0x3f), 1);
  store<u8>(at, 0x80 | ((code >> 6) & 0x3f), 2);
  store<u8>(at, 0x80 | (code & 0x3f), 3);
  return at + 4;
}

// base64url (RFC 4648 §5) without padding, strict: every character of the alphabet, no bits left over, so that one value
// has one spelling. 16 characters a step, after Muła and Lemire, "Faster Base64 Encoding and Decoding using AVX2
// Instructions" (ACM TWEB 2018), with the tables of the URL alphabet.

/** Length of what base64url_decode wrote last, bytes. */
export let decodedLength: i32 = 0;

/** One bit for each set of high nibbles that share their low nibbles: 2x, 3x, 4x and 6x, 5x, 7x. */
@inline
function allowedByLow(low: v128): v128 {
  return v128.swizzle(i8x16(0x1a, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1c, 0x04, 0x04, 0x05, 0x04, 0x0c), low);
}

@inline
function allowedByHigh(high: v128): v128 {
  return v128.swizzle(i8x16(0, 0, 0x01, 0x02, 0x04, 0x08, 0x04, 0x10, 0, 0, 0, 0, 0, 0, 0, 0), high);
}

/** Bit i is set when character i is none of A–Z a–z 0–9 - _. */
@inline
function strangers(text: v128): i32 {
  const low = v128.and(text, i8x16.splat(0x0f));
  const allowed = v128.and(allowedByLow(low), allowedByHigh(i8x16.shr_u(text, 4)));
  return i8x16.bitmask(i8x16.eq(allowed, i8x16.splat(0)));
}

/** 16 characters to 12 bytes, in lanes 0–11. */
@inline
function decodeChunk(text: v128): v128 {
  const high = i8x16.shr_u(text, 4);
  // By high nibble: '-' + 17, digits + 4, upper case − 65, lower case − 71; '_' shares a nibble with P–Z: 33 more.
  const shift = v128.swizzle(i8x16(0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0), high);
  const underscore = v128.and(i8x16.eq(text, i8x16.splat(0x5f)), i8x16.splat(33));
  const sextets = i8x16.add(i8x16.add(text, shift), underscore);
  const pairs = v128.or(i16x8.shr_u(i16x8.shl(sextets, 8), 2), i16x8.shr_u(sextets, 8));
  const triples = i32x4.dot_i16x8_s(pairs, i16x8(4096, 1, 4096, 1, 4096, 1, 4096, 1));
  return v128.swizzle(triples, i8x16(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
}

/**
 * Decodes from `at` to the first character outside the alphabet, or to `end`.
 *
 * @param at up to 15 bytes from `end` on may be read
 * @param out written past what was decoded by at most 16 bytes
 * @returns where it stopped; 0 when the characters up to there encode no whole number of bytes, or leave bits over
 * (`decodedLength` says how many bytes stand at `out`)
 */
export function base64urlDecode(at: usize, end: usize, out: usize): usize {
  const start = out;
  let text = v128.load(at);
  let strange = strangers(text);
  while (strange == 0 && at + 16 <= end) {
    v128.store(out, decodeChunk(text));
    at += 16;
    out += 12;
    text = v128.load(at);
    strange = strangers(text);
  }
  const left = min<i32>(ctz(strange | 0x10000), <i32>min<usize>(end - at, 16));
  return decodeRest(text, left, out, start) ? at + left : 0;
}

/** The last `left` < 16 characters of `text`. What a character too many leaves behind must be zero bits. */
@inline
function decodeRest(text: v128, left: i32, out: usize, start: usize): bool {
  const place = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const inside = i8x16.lt_s(place, i8x16.splat(<i8>left));
  v128.store(out, decodeChunk(v128.bitselect(text, i8x16.splat(0x41), inside))); // 'A' is six zero bits
  out += (left * 6) >> 3;
  decodedLength = <i32>(out - start);
  return (left & 3) != 1 && ((left & 3) == 0 || load<u8>(out) == 0);
}

// Client addresses as 16 bytes (RFC 4291 §2.2, IPv4 as IPv4-mapped §2.5.5.2), from at most MAX_ADDRESS bytes of text.
import * as abi from "../abi";

/** The parsed address in network order. */
export const addressBytes: usize = memory.data(16);

/**
 * Reads the text of an IPv4 or IPv6 address into addressBytes. No zone, no brackets, no leading zeros in IPv4 (which some
 * read as octal).
 *
 * @returns false when it is neither
 */
export function addressParse(text: usize, length: i32): bool {
  if (length <= 0 || length > abi.MAX_ADDRESS) return false;
  v128.store(addressBytes, i64x2.splat(0));
  for (let i = 0; i < length; i++) if (load<u8>(text + i) == 0x3a) return parseV6(text, text + length);
  store<u16>(addressBytes, 0xffff, 10);
  return parseV4(text, text + length, addressBytes + 12);
}

@inline
function isMapped(): bool {
  return load<u64>(addressBytes) == 0 && load<u32>(addressBytes, 8) == 0xffff0000;
}

/** For limits: the whole IPv4 address, or an IPv6 one's /64, which is what one subscriber gets (RFC 6177). */
export function addressLimitPrefix(): void {
  if (!isMapped()) store<u64>(addressBytes, 0, 8);
}

/** The network around it: an IPv4 address's /24, an IPv6 one's /48, which is what one site gets (RFC 6177). */
export function addressNetworkPrefix(): void {
  if (isMapped()) {
    store<u8>(addressBytes, 0, 15);
  } else {
    store<u16>(addressBytes, 0, 6);
    store<u64>(addressBytes, 0, 8);
  }
}

function parseV4(at: usize, end: usize, out: usize): bool {
  for (let part = 0; part < 4; part++) {
    if (part > 0 && (at >= end || load<u8>(at++) != 0x2e)) return false;
    const start = at;
    let value: u32 = 0;
    while (at < end && at - start < 3 && <u32>load<u8>(at) - 0x30 < 10) value = value * 10 + load<u8>(at++) - 0x30;
    if (at == start || value > 255 || (at - start > 1 && load<u8>(start) == 0x30)) return false;
    store<u8>(out + part, value);
  }
  return at == end;
}

function parseV6(at: usize, end: usize): bool {
  let n: usize = 0; // bytes written
  let gap: i32 = -1; // where "::" stood
  if (at + 2 <= end && load<u16>(at) == 0x3a3a) {
    gap = 0;
    at += 2;
  }
  while (at < end) {
    if (n == 16) return false;
    const group = at;
    let value: u32 = 0;
    while (at < end && at - group < 4 && hexValue(load<u8>(at)) < 16) value = (value << 4) | hexValue(load<u8>(at++));
    if (at < end && load<u8>(at) == 0x2e) {
      if (n > 12 || !parseV4(group, end, addressBytes + n)) return false;
      n += 4;
      break;
    }
    if (at == group) return false;
    store<u8>(addressBytes + n, value >> 8);
    store<u8>(addressBytes + n, value, 1);
    n += 2;
    if (at == end) break;
    if (load<u8>(at++) != 0x3a || at == end) return false;
    if (load<u8>(at) == 0x3a) {
      if (gap >= 0) return false;
      gap = <i32>n;
      at++;
    }
  }
  return closeGap(n, gap);
}

/** Moves what followed "::" to the end, zeros between. */
function closeGap(n: usize, gap: i32): bool {
  if (gap < 0) return n == 16;
  if (n == 16) return false;
  const tail = n - gap;
  memory.copy(addressBytes + 16 - tail, addressBytes + gap, tail);
  memory.fill(addressBytes + gap, 0, 16 - n);
  return true;
}

/** 0–15, or more for what is no hex digit. */
function hexValue(c: u32): u32 {
  if (c - 0x30 < 10) return c - 0x30;
  c |= 0x20;
  return c - 0x61 < 6 ? c - 0x57 : 16;
}

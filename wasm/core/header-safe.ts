// What a token says about its caller goes on to the upstream in a header (RFC 9110 §5.5): no character may end it or be lost.

/** True when the UTF-8 text holds no control character: U+0000–001F, U+007F, U+0080–009F. Up to 16 bytes behind it are read. */
export function isHeaderSafe(address: usize, length: i32): bool {
  for (; length > 0; address += 16, length -= 16) {
    const text = v128.load(address);
    const ascii = v128.or(i8x16.lt_u(text, i8x16.splat(0x20)), i8x16.eq(text, i8x16.splat(0x7f)));
    // U+0080–009F are C2 80 … C2 9F.
    const second = i8x16.lt_s(v128.load(address, 1), i8x16.splat(-0x60));
    const controls = v128.or(ascii, v128.and(i8x16.eq(text, i8x16.splat(-0x3e)), second));
    if ((i8x16.bitmask(controls) & ((1 << min(length, 16)) - 1)) != 0) return false;
  }
  return true;
}

/** Header-safe, not empty, and not changed by the trimming of a header's value. */
export function isHeaderWord(address: usize, length: i32): bool {
  return length > 0 && load<u8>(address) != 0x20 && load<u8>(address + length - 1) != 0x20 && isHeaderSafe(address, length);
}

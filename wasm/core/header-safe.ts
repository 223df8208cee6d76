// What a token says about its caller goes on to the upstream in a header (RFC 9110 §5.5): no character may end it or be lost.

// Read from memory, because V8 builds a constant vector anew wherever it stands.
const SPACE: usize = memory.data<u32>([0x20202020, 0x20202020, 0x20202020, 0x20202020], 16);
const DELETE: usize = memory.data<u32>([0x7f7f7f7f, 0x7f7f7f7f, 0x7f7f7f7f, 0x7f7f7f7f], 16);

/** True when the UTF-8 text holds no control character: U+0000–001F, U+007F, U+0080–009F. Up to 16 bytes behind it are read. */
export function isHeaderSafe(address: usize, length: i32): bool {
  for (; length > 0; address += 16, length -= 16) {
    const text = v128.load(address);
    // As signed bytes, those of U+0080 and above are below the space too.
    const unusual = v128.or(i8x16.lt_s(text, v128.load(SPACE)), i8x16.eq(text, v128.load(DELETE)));
    const inside = length < 16 ? (1 << length) - 1 : 0xffff;
    if ((i8x16.bitmask(unusual) & inside) != 0 && hasControl(address, address + min(length, 16))) return false;
  }
  return true;
}

function hasControl(at: usize, end: usize): bool {
  for (; at < end; at++) {
    const c = <u32>load<u8>(at);
    if (c < 0x20 || c == 0x7f || (c == 0xc2 && load<u8>(at, 1) < 0xa0)) return true; // U+0080–009F are C2 80 … C2 9F
  }
  return false;
}

/** Header-safe, not empty, and not changed by the trimming of a header's value. */
export function isHeaderWord(address: usize, length: i32): bool {
  return length > 0 && load<u8>(address) != 0x20 && load<u8>(address + length - 1) != 0x20 && isHeaderSafe(address, length);
}

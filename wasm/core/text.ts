// Comparing bytes in memory.

/**
 * Are the `length` bytes at `a` and at `b` the same? Not for secrets: it stops at the first difference. Both places may be
 * read up to 7 bytes past their end: every region of the map has room behind it.
 */
@inline
export function bytesEqual(a: usize, b: usize, length: i32): bool {
  while (length >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    length -= 8;
  }
  // The bytes past the end are shifted out; length 0 would shift by 64, which is a shift by 0.
  return length == 0 || ((load<u64>(a) ^ load<u64>(b)) << (64 - (<u64>length << 3))) == 0;
}

/** As memory.compare, of which the compiler makes a copy wherever it stands: below 0 when the bytes at `a` come first. */
export function bytesOrder(a: usize, b: usize, length: i32): i32 {
  while (length > 0 && load<u8>(a) == load<u8>(b)) {
    a++;
    b++;
    length--;
  }
  return length > 0 ? <i32>load<u8>(a) - <i32>load<u8>(b) : 0;
}

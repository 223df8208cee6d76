// Comparing bytes in memory. Both places may be read up to 7 bytes past their end: every region of the map has room behind it.

/** Are the `length` bytes at `a` and at `b` the same? Not for secrets: it stops at the first difference. */
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

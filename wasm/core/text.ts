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

/** Below, at or above 0 as the bytes at `a` sort before, at or after those at `b`. */
@inline
export function bytesOrder(a: usize, b: usize, length: i32): i32 {
  let differing: u64 = 0;
  while (length >= 8) {
    differing = load<u64>(a) ^ load<u64>(b);
    if (differing != 0) break;
    a += 8;
    b += 8;
    length -= 8;
  }
  if (differing == 0) differing = (load<u64>(a) ^ load<u64>(b)) & ((<u64>1 << (<u64>length << 3)) - 1);
  const first = ctz(differing) & 56; // bits below the first byte that differs; 64 & 56 = 0, where both are the same
  return differing == 0 ? 0 : <i32>((load<u64>(a) >> first) & 0xff) - <i32>((load<u64>(b) >> first) & 0xff);
}

/**
 * Copies `length` bytes in steps of 16, since memory.copy leaves the module, which costs more than a short text. Both places have
 * room for whole steps.
 */
@inline
export function textCopy(to: usize, from: usize, length: i32): void {
  for (let i: usize = 0; i < <usize>length; i += 16) v128.store(to + i, v128.load(from + i));
}

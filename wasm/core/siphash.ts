// SipHash-2-4 with a 64-bit result (Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012).

/**
 * Keyed hash of `length` bytes at `address`. Reads nothing past the end.
 *
 * @param k0 first eight bytes of the key, little-endian
 * @param k1 last eight
 */
export function siphash(k0: u64, k1: u64, address: usize, length: usize): u64 {
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  const end = address + (length & ~7);
  let rounds = 2;
  let finished = false;
  while (true) {
    let word: u64 = 0;
    if (address < end) word = load<u64>(address);
    else if (address == end) word = lastWord(address, length);
    else {
      v2 ^= 0xff;
      rounds = 4;
      finished = true;
    }
    v3 ^= word;
    for (let i = 0; i < rounds; i++) {
      v0 += v1;
      v2 += v3;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 = rotl<u64>(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 = rotl<u64>(v2, 32);
    }
    v0 ^= word;
    if (finished) return v0 ^ v1 ^ v2 ^ v3;
    address += 8;
  }
}

/** The bytes that are left, and the length modulo 256 in the highest byte. */
@inline
function lastWord(address: usize, length: usize): u64 {
  let word = <u64>length << 56;
  const left = length & 7;
  for (let i: usize = 0; i < left; i++) word |= <u64>load<u8>(address + i) << (i << 3);
  return word;
}

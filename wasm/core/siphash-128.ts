// SipHash-2-4 with a 128-bit result (the authors' reference implementation, siphash.c, outlen 16).

/** The hash that siphash128 made last. */
export let hashLow: u64 = 0;
export let hashHigh: u64 = 0;

/**
 * Keyed hash of `length` bytes at `address`, into hashLow and hashHigh. Reads up to 7 bytes past the end.
 *
 * @param k0 first eight bytes of the key, little-endian
 * @param k1 last eight
 */
export function siphash128(k0: u64, k1: u64, address: usize, length: usize): void {
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d ^ 0xee;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  const end = address + (length & ~7);
  const left = (<u64>length & 7) << 3;
  const last = (<u64>length << 56) | (load<u64>(end) & ((<u64>1 << left) - 1));
  // Whole words, then the last one, then the two results: 2, 2, 4 and 4 rounds, in steps of 2 with nothing to add between.
  let step = 0;
  while (true) {
    let word: u64 = 0;
    if (address < end) word = load<u64>(address);
    else if (step == 0) {
      word = last;
      step = 1;
    } else {
      if (step == 1) v2 ^= 0xee;
      if (step == 3) {
        hashLow = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
      }
      if (step == 5) {
        hashHigh = v0 ^ v1 ^ v2 ^ v3;
        return;
      }
      step++;
    }
    address += 8;
    v3 ^= word;
    v0 += v1; v2 += v3; v1 = rotl<u64>(v1, 13) ^ v0; v3 = rotl<u64>(v3, 16) ^ v2; v0 = rotl<u64>(v0, 32);
    v2 += v1; v0 += v3; v1 = rotl<u64>(v1, 17) ^ v2; v3 = rotl<u64>(v3, 21) ^ v0; v2 = rotl<u64>(v2, 32);
    v0 += v1; v2 += v3; v1 = rotl<u64>(v1, 13) ^ v0; v3 = rotl<u64>(v3, 16) ^ v2; v0 = rotl<u64>(v0, 32);
    v2 += v1; v0 += v3; v1 = rotl<u64>(v1, 17) ^ v2; v3 = rotl<u64>(v3, 21) ^ v0; v2 = rotl<u64>(v2, 32);
    v0 ^= word;
  }
}

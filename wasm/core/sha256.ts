// SHA-256 (FIPS 180-4). The message schedule is computed four words at a time in SIMD, ahead of the rounds that use it
// (Gueron, Krasnov: "Parallelizing message schedules", 2012), and meets them in memory; the rounds are scalar, 16 to a turn
// of the loop. In V8 13.6 this takes 0.70 of the time of a schedule in locals with all 64 rounds unrolled, in a third of the
// code. Which of two equal formulas is faster is a matter of V8's registers: measure before changing one.

// K(t), FIPS 180-4 §4.2.2. The last turn of the loop reads 64 bytes past it and uses none of what comes of them.
const K: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16);
const SCHEDULE: usize = memory.data(64, 16); // W(t) + K(t) of the next 16 rounds
const STATE: usize = memory.data(32, 16); // H, as native words
const TAIL: usize = memory.data(64, 16); // the last block, padded
const INITIAL: usize = memory.data<u8>([ // H(0), FIPS 180-4 §5.3.3, big-endian like every stored state
  0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a,
  0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19,
], 16);

// Vectors are read from memory, because V8 builds a constant one anew wherever it stands.
const SWAP: usize = memory.data<u8>([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12], 16);
const PLACE: usize = memory.data<u8>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16);

const BLOCK: i32 = 64;

@inline
function swapWords(x: v128): v128 {
  return v128.swizzle(x, v128.load(SWAP));
}

// T1 = h + Σ1(e) + Ch(e, f, g) + K(t) + W(t) (§6.2.2), in the order that leaves the longest path, through e, for the end.
@inline
function firstPart(h: u32, e: u32, f: u32, g: u32, scheduled: u32): u32 {
  return scheduled + (g ^ (e & (f ^ g))) + h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25));
}

// T1 + T2, T2 = Σ0(a) + Maj(a, b, c), where Maj = b ⊕ ((a ⊕ b) ∧ (b ⊕ c)): its b ⊕ c is the a ⊕ b of the round before.
@inline
function secondPart(t1: u32, a: u32, b: u32, ab: u32, bc: u32): u32 {
  return t1 + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + (b ^ (ab & bc));
}

@inline
function smallSigma0(x: v128): v128 {
  const turned = v128.xor(v128.xor(i32x4.shr_u(x, 7), i32x4.shl(x, 25)), v128.xor(i32x4.shr_u(x, 18), i32x4.shl(x, 14)));
  return v128.xor(turned, i32x4.shr_u(x, 3));
}

@inline
function smallSigma1(x: v128): v128 {
  const turned = v128.xor(v128.xor(i32x4.shr_u(x, 17), i32x4.shl(x, 15)), v128.xor(i32x4.shr_u(x, 19), i32x4.shl(x, 13)));
  return v128.xor(turned, i32x4.shr_u(x, 10));
}

// W(t … t+3) of the 16 words before. σ1 needs W(t-2), so the upper two lanes follow from the lower two.
@inline
function nextWords(w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  const zero = i32x4.splat(0);
  const sum = i32x4.add(
    i32x4.add(w0, smallSigma0(v128.shuffle<i32>(w0, w1, 1, 2, 3, 4))),
    v128.shuffle<i32>(w2, w3, 1, 2, 3, 4),
  );
  const lower = i32x4.add(sum, smallSigma1(v128.shuffle<i32>(w3, zero, 2, 3, 4, 4)));
  return i32x4.add(lower, smallSigma1(v128.shuffle<i32>(zero, lower, 0, 0, 4, 5)));
}

/** One block into STATE (§6.2.2). Not unrolled twice: the whole module shall stay small. */
export function compress(block: usize): void {
  let a = load<u32>(STATE, 0), b = load<u32>(STATE, 4), c = load<u32>(STATE, 8), d = load<u32>(STATE, 12);
  let e = load<u32>(STATE, 16), f = load<u32>(STATE, 20), g = load<u32>(STATE, 24), h = load<u32>(STATE, 28);
  let x: u32 = 0, y = b ^ c;
  let w0 = swapWords(v128.load(block, 0)), w1 = swapWords(v128.load(block, 16));
  let w2 = swapWords(v128.load(block, 32)), w3 = swapWords(v128.load(block, 48));
  v128.store(SCHEDULE, i32x4.add(w0, v128.load(K, 0)), 0);
  v128.store(SCHEDULE, i32x4.add(w1, v128.load(K, 16)), 16);
  v128.store(SCHEDULE, i32x4.add(w2, v128.load(K, 32)), 32);
  v128.store(SCHEDULE, i32x4.add(w3, v128.load(K, 48)), 48);
  let k = K;
  do {
    k += 64;
    h = firstPart(h, e, f, g, load<u32>(SCHEDULE, 0)); d += h; x = a ^ b; h = secondPart(h, a, b, x, y);
    g = firstPart(g, d, e, f, load<u32>(SCHEDULE, 4)); c += g; y = h ^ a; g = secondPart(g, h, a, y, x);
    f = firstPart(f, c, d, e, load<u32>(SCHEDULE, 8)); b += f; x = g ^ h; f = secondPart(f, g, h, x, y);
    e = firstPart(e, b, c, d, load<u32>(SCHEDULE, 12)); a += e; y = f ^ g; e = secondPart(e, f, g, y, x);
    w0 = nextWords(w0, w1, w2, w3); v128.store(SCHEDULE, i32x4.add(w0, v128.load(k, 0)), 0);
    d = firstPart(d, a, b, c, load<u32>(SCHEDULE, 16)); h += d; x = e ^ f; d = secondPart(d, e, f, x, y);
    c = firstPart(c, h, a, b, load<u32>(SCHEDULE, 20)); g += c; y = d ^ e; c = secondPart(c, d, e, y, x);
    b = firstPart(b, g, h, a, load<u32>(SCHEDULE, 24)); f += b; x = c ^ d; b = secondPart(b, c, d, x, y);
    a = firstPart(a, f, g, h, load<u32>(SCHEDULE, 28)); e += a; y = b ^ c; a = secondPart(a, b, c, y, x);
    w1 = nextWords(w1, w2, w3, w0); v128.store(SCHEDULE, i32x4.add(w1, v128.load(k, 16)), 16);
    h = firstPart(h, e, f, g, load<u32>(SCHEDULE, 32)); d += h; x = a ^ b; h = secondPart(h, a, b, x, y);
    g = firstPart(g, d, e, f, load<u32>(SCHEDULE, 36)); c += g; y = h ^ a; g = secondPart(g, h, a, y, x);
    f = firstPart(f, c, d, e, load<u32>(SCHEDULE, 40)); b += f; x = g ^ h; f = secondPart(f, g, h, x, y);
    e = firstPart(e, b, c, d, load<u32>(SCHEDULE, 44)); a += e; y = f ^ g; e = secondPart(e, f, g, y, x);
    w2 = nextWords(w2, w3, w0, w1); v128.store(SCHEDULE, i32x4.add(w2, v128.load(k, 32)), 32);
    d = firstPart(d, a, b, c, load<u32>(SCHEDULE, 48)); h += d; x = e ^ f; d = secondPart(d, e, f, x, y);
    c = firstPart(c, h, a, b, load<u32>(SCHEDULE, 52)); g += c; y = d ^ e; c = secondPart(c, d, e, y, x);
    b = firstPart(b, g, h, a, load<u32>(SCHEDULE, 56)); f += b; x = c ^ d; b = secondPart(b, c, d, x, y);
    a = firstPart(a, f, g, h, load<u32>(SCHEDULE, 60)); e += a; y = b ^ c; a = secondPart(a, b, c, y, x);
    w3 = nextWords(w3, w0, w1, w2); v128.store(SCHEDULE, i32x4.add(w3, v128.load(k, 48)), 48);
  } while (k < K + 256);
  store<u32>(STATE, load<u32>(STATE, 0) + a, 0);
  store<u32>(STATE, load<u32>(STATE, 4) + b, 4);
  store<u32>(STATE, load<u32>(STATE, 8) + c, 8);
  store<u32>(STATE, load<u32>(STATE, 12) + d, 12);
  store<u32>(STATE, load<u32>(STATE, 16) + e, 16);
  store<u32>(STATE, load<u32>(STATE, 20) + f, 20);
  store<u32>(STATE, load<u32>(STATE, 24) + g, 24);
  store<u32>(STATE, load<u32>(STATE, 28) + h, 28);
}

// 16 bytes of the message's end at TAIL: bytes below `left` kept, 0x80 at `left`, zero above (§5.1.1).
@inline
function padChunk(at: usize, left: i32, offset: i32): void {
  const place = v128.load(PLACE);
  const end = i8x16.splat(<i8>(left - offset));
  const kept = v128.and(v128.load(at + offset), i8x16.lt_s(place, end));
  v128.store(TAIL + offset, v128.or(kept, v128.and(i8x16.splat(-128), i8x16.eq(place, end))));
}

@inline
function copyState(from: usize, to: usize): void {
  v128.store(to, swapWords(v128.load(from)), 0);
  v128.store(to, swapWords(v128.load(from, 16)), 16);
}

/** Sets STATE to a state as stored, 32 big-endian bytes. */
@inline
export function stateStart(from: usize): void {
  copyState(from, STATE);
}

/** Sets STATE to one that stateKeep wrote. */
@inline
export function stateResume(from: usize): void {
  v128.store(STATE, v128.load(from), 0);
  v128.store(STATE, v128.load(from, 16), 16);
}

/** Writes STATE to 32 bytes at `to`, as it stands in memory. */
@inline
export function stateKeep(to: usize): void {
  v128.store(to, v128.load(STATE), 0);
  v128.store(to, v128.load(STATE, 16), 16);
}

/** The state after one block of 64 bytes, as 32 big-endian bytes at `out`: where an HMAC key's midstates come from. */
export function stateAfterBlock(block: usize, out: usize): void {
  copyState(INITIAL, STATE);
  compress(block);
  copyState(STATE, out);
}

/**
 * SHA-256 from a stored state, so that an HMAC costs no block for its key.
 *
 * @param start 32 bytes: the state after `prior` bytes, big-endian as a digest
 * @param prior bytes hashed into `start`, a multiple of 64
 * @param address the message's rest; up to 64 bytes behind it are read, none is written
 * @param out 32 bytes for the digest; may be the message
 */
export function sha256From(start: usize, prior: i32, address: usize, length: i32, out: usize): void {
  stateStart(start);
  sha256Rest(prior, address, length, out);
}

/** As sha256From, from STATE. */
export function sha256Rest(prior: i32, address: usize, length: i32, out: usize): void {
  const last = address + (length & -BLOCK);
  for (; address < last; address += BLOCK) compress(address);
  const left = length & (BLOCK - 1);
  padChunk(last, left, 0);
  padChunk(last, left, 16);
  padChunk(last, left, 32);
  padChunk(last, left, 48);
  if (left >= 56) {
    compress(TAIL);
    v128.store(TAIL, i32x4.splat(0), 0);
    v128.store(TAIL, i32x4.splat(0), 16);
    v128.store(TAIL, i32x4.splat(0), 32);
    v128.store(TAIL, i32x4.splat(0), 48);
  }
  store<u64>(TAIL, bswap<u64>((<u64>prior + <u64>length) << 3), 56);
  compress(TAIL);
  copyState(STATE, out);
}

/** SHA-256 of `length` bytes at `address` into 32 bytes at `out`. Up to 64 bytes behind the message are read. */
export function sha256(address: usize, length: i32, out: usize): void {
  sha256From(INITIAL, 0, address, length, out);
}

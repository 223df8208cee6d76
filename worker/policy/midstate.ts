/**
 * HMAC-SHA-256 midstates (RFC 2104 §4): the SHA-256 states after key ⊕ ipad and key ⊕ opad. WebCrypto gives neither a
 * state nor a compression function, so FIPS 180-4 §6.2.2 stands here once more, for the cold path only.
 */
export interface Midstates {
  /** 32 bytes, eight big-endian words. */
  inner: Uint8Array;
  outer: Uint8Array;
}

const BLOCK = 64;

/** The first 32 bits of the fractional parts of the roots of the first primes: FIPS 180-4 §4.2.2 and §5.3.3. */
function fractionalRoots(count: number, root: (prime: number) => number): Uint32Array {
  const words = new Uint32Array(count);
  for (let prime = 2, found = 0; found < count; prime++) {
    if (!isPrime(prime)) continue;
    const r = root(prime);
    words[found++] = (r - Math.floor(r)) * 2 ** 32;
  }
  return words;
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}

/**
 * @param key any length; longer than a block it is hashed first, as RFC 2104 §2 says
 */
export function hmacMidstates(key: Uint8Array): Midstates {
  const block = new Uint8Array(BLOCK);
  block.set(key.length > BLOCK ? sha256(key) : key);
  return { inner: paddedState(block, 0x36), outer: paddedState(block, 0x5c) };
}

function paddedState(block: Uint8Array, pad: number): Uint8Array {
  const state = initialState();
  compress(
    state,
    block.map((byte) => byte ^ pad),
    0,
    roundConstants(),
  );
  return stateBytes(state);
}

function sha256(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK) * BLOCK);
  padded.set(message);
  padded[message.length] = 0x80;
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  const state = initialState();
  const constants = roundConstants();
  for (let offset = 0; offset < padded.length; offset += BLOCK) compress(state, padded, offset, constants);
  return stateBytes(state);
}

const initialState = () => fractionalRoots(8, Math.sqrt);
const roundConstants = () => fractionalRoots(64, Math.cbrt);

function stateBytes(state: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of state.entries()) view.setUint32(i * 4, word);
  return bytes;
}

/** FIPS 180-4 §6.2.2: one block into the state, in place. */
function compress(state: Uint32Array, bytes: Uint8Array, offset: number, k: Uint32Array): void {
  const w = schedule(bytes, offset);
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (k[t] ?? 0) + (w[t] ?? 0)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = ((state[i] ?? 0) + word) | 0;
}

function schedule(bytes: Uint8Array, offset: number): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, BLOCK);
  const w = new Uint32Array(64);
  for (let t = 0; t < 16; t++) w[t] = view.getUint32(t * 4);
  for (let t = 16; t < 64; t++) {
    const w15 = w[t - 15] ?? 0;
    const w2 = w[t - 2] ?? 0;
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    w[t] = ((w[t - 16] ?? 0) + s0 + (w[t - 7] ?? 0) + s1) | 0;
  }
  return w;
}

const rotate = (word: number, by: number) => (word >>> by) | (word << (32 - by));

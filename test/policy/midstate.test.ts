import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hmacMidstates } from "../../worker/policy/midstate.ts";

/**
 * SHA-256 from a midstate on: FIPS 180-4 word for word, apart from the code under test, with constants checked against
 * node's own hash below.
 */
function finish(state: Uint8Array, hashedBytes: number, message: Uint8Array): Buffer {
  const blocks = Math.ceil((message.length + 9) / 64);
  const padded = Buffer.alloc(blocks * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  padded.writeBigUInt64BE(BigInt(hashedBytes + message.length) * 8n, padded.length - 8);
  let h = Array.from({ length: 8 }, (_, i) => Buffer.from(state).readUInt32BE(i * 4));
  for (let b = 0; b < blocks; b++) h = block(h, padded.subarray(b * 64, b * 64 + 64));
  const out = Buffer.alloc(32);
  for (const [i, word] of h.entries()) out.writeUInt32BE(word, i * 4);
  return out;
}

const word = (n: number) => n >>> 0;
const rotr = (x: number, n: number) => word((x >>> n) | (x << (32 - n)));

function block(h: number[], bytes: Buffer): number[] {
  const w = Array.from({ length: 16 }, (_, i) => bytes.readUInt32BE(i * 4));
  const at = (list: readonly number[], i: number) => list[i] ?? Number.NaN;
  for (let t = 16; t < 64; t++) {
    const s0 = rotr(at(w, t - 15), 7) ^ rotr(at(w, t - 15), 18) ^ (at(w, t - 15) >>> 3);
    const s1 = rotr(at(w, t - 2), 17) ^ rotr(at(w, t - 2), 19) ^ (at(w, t - 2) >>> 10);
    w.push(word(word(s1) + at(w, t - 7) + word(s0) + at(w, t - 16)));
  }
  let v = [...h];
  for (let t = 0; t < 64; t++) {
    const [a, b, c, d, e, f, g, last] = v as [number, number, number, number, number, number, number, number];
    const t1 = last + word(rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + word((e & f) ^ (~e & g)) + at(constants, t) + at(w, t);
    const t2 = word(rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + word((a & b) ^ (a & c) ^ (b & c));
    v = [word(t1 + t2), a, b, c, word(d + t1), e, f, g];
  }
  return h.map((x, i) => word(x + at(v, i)));
}

/** ⌊frac(∛p) · 2³²⌋ by integers alone: the cube root of p · 2⁹⁶, exact, where floating point only comes near. */
const primes = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
);
const constants = primes.slice(0, 64).map((p) => Number(cubeRoot(BigInt(p) << 96n) & 0xffffffffn));

function cubeRoot(n: bigint): bigint {
  let low = 0n;
  let high = 1n << 40n;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** 3n <= n) low = middle;
    else high = middle - 1n;
  }
  return low;
}

test("the reference itself is SHA-256", () => {
  const initial = Buffer.from("6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19", "hex"); // FIPS 180-4 §5.3.3
  for (const length of [0, 1, 55, 56, 64, 200]) {
    const message = Buffer.alloc(length, 0xa5);
    expect(finish(initial, 0, message).toString("hex")).toBe(createHash("sha256").update(message).digest("hex"));
  }
});

test("an HMAC that goes on from the midstates is node's HMAC, for keys and messages of any length", () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
  fc.assert(
    fc.property(bytes(200), bytes(300), (key, message) => {
      const { inner, outer } = hmacMidstates(key);
      const mac = finish(outer, 64, finish(inner, 64, message));
      expect(mac.toString("hex")).toBe(createHmac("sha256", key).update(message).digest("hex"));
    }),
    { numRuns: 300 },
  );
});

test.each([32, 63, 64, 65, 119, 120, 128])("a key of %i bytes, at the edges of a block", (length) => {
  const key = Buffer.alloc(length, 0x5a);
  const { inner, outer } = hmacMidstates(key);
  const mac = finish(outer, 64, finish(inner, 64, Buffer.from("m")));
  expect(mac.toString("hex")).toBe(createHmac("sha256", key).update("m").digest("hex"));
});

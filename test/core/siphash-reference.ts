const mask = 0xffffffffffffffffn;
const rotate = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & mask;

/** SipHash-2-4 as its paper writes it, with BigInt. The key is 16 bytes. */
export function sipHash(key: Uint8Array, message: Uint8Array): bigint {
  const state = new SipState(key, 0n);
  state.absorb(message);
  return state.finish(0xffn);
}

/** With a 128-bit result, as the authors' siphash.c has it: low half, high half. */
export function sipHash128(key: Uint8Array, message: Uint8Array): [bigint, bigint] {
  const state = new SipState(key, 0xeen);
  state.absorb(message);
  const low = state.finish(0xeen);
  state.v1 ^= 0xddn;
  return [low, state.finish(0n)];
}

class SipState {
  v0: bigint;
  v1: bigint;
  v2: bigint;
  v3: bigint;

  constructor(key: Uint8Array, tweak: bigint) {
    const view = new DataView(key.buffer, key.byteOffset, 16);
    const k0 = view.getBigUint64(0, true);
    const k1 = view.getBigUint64(8, true);
    this.v0 = k0 ^ 0x736f6d6570736575n;
    this.v1 = k1 ^ 0x646f72616e646f6dn ^ tweak;
    this.v2 = k0 ^ 0x6c7967656e657261n;
    this.v3 = k1 ^ 0x7465646279746573n;
  }

  absorb(message: Uint8Array): void {
    const padded = new Uint8Array((Math.floor(message.length / 8) + 1) * 8);
    padded.set(message);
    padded[padded.length - 1] = message.length & 0xff;
    const words = new DataView(padded.buffer);
    for (let i = 0; i < padded.length; i += 8) {
      const word = words.getBigUint64(i, true);
      this.v3 ^= word;
      this.#round();
      this.#round();
      this.v0 ^= word;
    }
  }

  finish(tweak: bigint): bigint {
    this.v2 ^= tweak;
    for (let i = 0; i < 4; i++) this.#round();
    return this.v0 ^ this.v1 ^ this.v2 ^ this.v3;
  }

  #round(): void {
    this.v0 = (this.v0 + this.v1) & mask;
    this.v1 = rotate(this.v1, 13n) ^ this.v0;
    this.v0 = rotate(this.v0, 32n);
    this.v2 = (this.v2 + this.v3) & mask;
    this.v3 = rotate(this.v3, 16n) ^ this.v2;
    this.v0 = (this.v0 + this.v3) & mask;
    this.v3 = rotate(this.v3, 21n) ^ this.v0;
    this.v2 = (this.v2 + this.v1) & mask;
    this.v1 = rotate(this.v1, 17n) ^ this.v2;
    this.v2 = rotate(this.v2, 32n);
  }
}

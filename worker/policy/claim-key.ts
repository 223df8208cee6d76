/**
 * The map key of a claim in a CWT, in deterministic CBOR (RFC 8949 §4.2.1): the core finds the claim by these bytes. A name
 * in decimal digits, with or without a minus, is the integer; any other is the text.
 */
export function claimKey(name: string): Uint8Array {
  if (!/^(0|-?[1-9]\d{0,17})$/.test(name)) {
    const text = new TextEncoder().encode(name);
    return Uint8Array.of(...head(3, BigInt(text.length)), ...text);
  }
  const value = BigInt(name);
  return Uint8Array.from(value < 0n ? head(1, -1n - value) : head(0, value));
}

/** A major type and its argument (RFC 8949 §3), in the shortest form. */
function head(major: number, argument: bigint): number[] {
  const type = major << 5;
  if (argument < 24n) return [type | Number(argument)];
  const [info, size] = argument < 0x100n ? [24, 1] : argument < 0x10000n ? [25, 2] : argument < 0x100000000n ? [26, 4] : [27, 8];
  const bytes = Array.from({ length: size }, (_, i) => Number((argument >> BigInt(8 * (size - 1 - i))) & 0xffn));
  return [type | info, ...bytes];
}

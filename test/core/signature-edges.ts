import type { SigningKey } from "./signing-keys.ts";

/** A signature that is not the signer's own. */
export interface Edge {
  name: string;
  signature: Buffer;
  /** It verifies all the same. */
  valid: boolean;
}

interface Curve {
  /** Of r and of s. */
  bytes: number;
  /** The group's order. */
  n: bigint;
  /** The field's prime. */
  p: bigint;
}

/** FIPS 186-5, SP 800-186 §3.2.1. */
const curves: Record<string, Curve> = {
  ES256: {
    bytes: 32,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  },
  ES384: {
    bytes: 48,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
  },
  ES512: {
    bytes: 66,
    n: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    p: 2n ** 521n - 1n,
  },
};
/** The order of Ed25519's group (RFC 8032 §5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/**
 * What Wycheproof's vectors for ECDSA in P1363 form, EdDSA and RSA try, made anew from a good signature of any key: numbers at
 * the edges of the group and beyond it, other encodings, other lengths.
 */
export function signatureEdges({ algorithm, jwk }: SigningKey, good: Buffer): Edge[] {
  const curve = curves[algorithm];
  if (curve !== undefined) return [...ecdsaEdges(curve, good), ...lengthEdges(good)];
  if (algorithm === "EdDSA") return [...eddsaEdges(good), ...lengthEdges(good)];
  if (algorithm.startsWith("HS")) return [...lengthEdges(good), ...hmacEdges(good)];
  return [...rsaEdges(BigInt(`0x${Buffer.from(jwk.n ?? "", "base64url").toString("hex")}`), good), ...lengthEdges(good)];
}

const invalid = (name: string, signature: Buffer): Edge => ({ name, signature, valid: false });

function lengthEdges(good: Buffer): Edge[] {
  return [
    invalid("empty", Buffer.alloc(0)),
    invalid("zeros", Buffer.alloc(good.length)),
    invalid("ones", Buffer.alloc(good.length, 0xff)),
    invalid("without its first byte", good.subarray(1)),
    invalid("without its last byte", good.subarray(0, -1)),
    invalid("half", good.subarray(0, good.length / 2)),
    invalid("a zero in front", Buffer.concat([Buffer.alloc(1), good])),
    invalid("a zero behind", Buffer.concat([good, Buffer.alloc(1)])),
    invalid("twice", Buffer.concat([good, good])),
    invalid("backwards", Buffer.from(good).reverse()),
  ];
}

function ecdsaEdges({ bytes, n, p }: Curve, good: Buffer): Edge[] {
  const r = bigEndian(good.subarray(0, bytes));
  const s = bigEndian(good.subarray(bytes));
  const pair = (one: bigint, other: bigint) => Buffer.concat([toBigEndian(one, bytes), toBigEndian(other, bytes)]);
  const fits = (value: bigint) => value < 2n ** BigInt(8 * bytes);
  const numbers: [string, bigint][] = [
    ["0", 0n],
    ["1", 1n],
    ["n-1", n - 1n],
    ["n", n],
    ["n+1", n + 1n],
    ["p", p],
    ["p+1", p + 1n],
    ["2^8k-1", 2n ** BigInt(8 * bytes) - 1n],
  ];
  const known = numbers.filter(([, value]) => fits(value));
  return [
    { name: "n-s: ECDSA signs twice", signature: pair(r, n - s), valid: true },
    ...known.flatMap(([one, a]) => known.map(([other, b]) => invalid(`r = ${one}, s = ${other}`, pair(a, b)))),
    ...known.map(([one, a]) => invalid(`r = ${one}`, pair(a, s))),
    ...known.map(([one, a]) => invalid(`s = ${one}`, pair(r, a))),
    invalid("n-r", pair(n - r, s)),
    ...[r + n].filter(fits).map((value) => invalid("r+n", pair(value, s))),
    ...[s + n].filter(fits).map((value) => invalid("s+n", pair(r, value))),
    invalid("s, r", pair(s, r)),
    invalid("r, r", pair(r, r)),
    invalid("in DER", der(r, s)),
  ];
}

function eddsaEdges(good: Buffer): Edge[] {
  const r = good.subarray(0, 32);
  const s = littleEndian(good.subarray(32));
  const identity = Buffer.alloc(32).fill(1, 0, 1);
  const pair = (one: Uint8Array, other: bigint) => Buffer.concat([one, toBigEndian(other, 32).reverse()]);
  const numbers: [string, bigint][] = [
    ["0", 0n],
    ["1", 1n],
    ["L-1", L - 1n],
    ["L", L],
    ["L-S", L - s],
    ["S+L", s + L],
    ["S+2^255", s + 2n ** 255n],
  ];
  const otherSign = Buffer.from(r);
  otherSign[31] = (otherSign[31] ?? 0) ^ 0x80;
  return [
    ...numbers.map(([name, value]) => invalid(`S = ${name}`, pair(r, value))),
    ...numbers.map(([name, value]) => invalid(`R the identity, S = ${name}`, pair(identity, value))),
    invalid("R zero", pair(Buffer.alloc(32), s)),
    invalid("R = p", pair(toBigEndian(2n ** 255n - 19n, 32).reverse(), s)),
    invalid("-R", pair(otherSign, s)),
    invalid("S, R", Buffer.concat([good.subarray(32), r])),
  ];
}

function rsaEdges(n: bigint, good: Buffer): Edge[] {
  const s = bigEndian(good);
  const bytes = good.length;
  const numbers: [string, bigint][] = [
    ["1", 1n],
    ["2", 2n],
    ["n-1", n - 1n],
    ["n", n],
    ["n+1", n + 1n],
    ["n-s", n - s],
    ["n+s", (n + s) % 2n ** BigInt(8 * bytes)], // as far as it fits
  ];
  return numbers.map(([name, value]) => invalid(name, toBigEndian(value, bytes)));
}

function hmacEdges(good: Buffer): Edge[] {
  return [8, 16, 20, 24, 31].map((bytes) => invalid(`cut to ${bytes} bytes`, good.subarray(0, bytes)));
}

const bigEndian = (bytes: Buffer) => BigInt(`0x${bytes.toString("hex") || "0"}`);
const littleEndian = (bytes: Buffer) => bigEndian(Buffer.from(bytes).reverse());
const toBigEndian = (value: bigint, bytes: number) => Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex");

/** SEQUENCE of two INTEGERs (X.690 §8.3, §8.9), as RFC 5480's signatures are. */
function der(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint) => {
    const hex = value.toString(16);
    const even = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
    return element(0x02, (even[0] ?? 0) < 0x80 ? even : Buffer.concat([Buffer.alloc(1), even]));
  };
  return element(0x30, Buffer.concat([integer(r), integer(s)]));
}

function element(tag: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

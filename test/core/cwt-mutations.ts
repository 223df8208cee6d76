import type { Random } from "../../cli/random.ts";
import { type CborMap, cbor, HMAC_256_64, type Mac0, mac0Bytes } from "../../cli/simulate/cwt.ts";
import {
  AUD,
  CTI,
  EDDSA,
  ES256,
  EXP,
  header,
  IAT,
  ISS,
  mac0,
  NBF,
  SCOPE,
  SUB,
  sign1Bytes,
  sigStructure,
  tagOf,
} from "./cwt-fixture.ts";
import { newSigningKey } from "./signing-keys.ts";

export const judgedS = 1_790_000_000;
export const secret = Buffer.from("a secret for mutated tokens, 32 B");
export const toleranceS = 30;
/** Public keys of signed tokens, by ALG_*'s name. */
export const signers = { ES256: newSigningKey("ES256", "e1"), EdDSA: newSigningKey("EdDSA", "d1") };

const texts = ["coap://as", "fleet", "sensor-1", "", " x", "a\nb", "é", "\u0085", "x".repeat(40), "😀"];
const times = [
  judgedS + 60,
  judgedS - 60,
  judgedS + 30,
  judgedS - 30,
  judgedS - 29.5,
  judgedS + 31,
  0,
  -1,
  2n ** 64n - 1n,
  1e300,
];
const odd = [
  null,
  true,
  1.5,
  7,
  -8,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Buffer.of(0xff),
  ["fleet"],
  ["x", 7],
  [[[[[[[[1]]]]]]]],
  new Map([["a", new Map()]]),
];
const keys = [ISS, SUB, AUD, EXP, NBF, IAT, CTI, 8, SCOPE, 10, 38, -70001, "dev", "x".repeat(30)];

/** A token in base64url: a good one, a good one of strange parts, or either with its bytes changed. */
export function mutatedCwt(draw: Random): string {
  const message = mac0(claims(draw), { protectedHeader: protectedHeader(draw), unprotectedHeader: unprotectedHeader(draw) });
  const changed = draw.next() < 0.3 ? changeInside(message, draw) : message;
  let bytes = proven(changed, draw);
  if (draw.next() < 0.15) {
    const fronts = [[0xd8, 0x3d], [0xd8, 0x3d, bytes[0] ?? 0], [0xd1], [0xd2], []];
    bytes = Buffer.from([...draw.pick(fronts), ...bytes.subarray(1)]);
  }
  if (draw.next() < 0.25) bytes = changeBytes(bytes, draw);
  const text = bytes.toString("base64url");
  return draw.next() < 0.03 ? changeText(text, draw) : text;
}

/** With its tag or signature, now and then another's. */
function proven(message: Mac0, draw: Random): Buffer {
  const [, , algorithm = 0] = message.protectedHeader;
  const signer = algorithm === 0x26 ? signers.ES256 : algorithm === 0x27 ? signers.EdDSA : null;
  const isOwn = draw.next() < 0.95;
  if (signer !== null && isOwn) return Buffer.from(sign1Bytes(message, signer.sign(sigStructure(message))));
  if (signer !== null) return Buffer.from(sign1Bytes(message, Buffer.alloc(64, 1)));
  const alg = algorithm === HMAC_256_64 && draw.next() < 0.9 ? HMAC_256_64 : undefined;
  return Buffer.from(mac0Bytes(message, tagOf(message, isOwn ? secret : Buffer.alloc(32), alg)));
}

function claims(draw: Random): CborMap {
  const map: CborMap = new Map<number, unknown>([
    [ISS, "coap://as"],
    [SUB, "sensor-1"],
    [AUD, "fleet"],
    [EXP, judgedS + 60],
  ]);
  for (let changes = draw.below(3); changes > 0; changes--) {
    const key = draw.pick(keys);
    if (draw.next() < 0.2) map.delete(key);
    else map.set(key, value(key, draw));
  }
  return map;
}

/** Mostly of the type that the claim has. */
function value(key: number | string, draw: Random): unknown {
  if (draw.next() < 0.2) return draw.pick(odd);
  if (key === EXP || key === NBF || key === IAT) return draw.pick(times);
  if (key === CTI) return Buffer.from(draw.pick(texts));
  if (key === AUD) return draw.pick<unknown>(["fleet", "store", ["x", "store"], [], "x"]);
  return draw.next() < 0.2 ? Buffer.from(draw.pick(texts)) : draw.pick(texts);
}

function protectedHeader(draw: Random): CborMap | Uint8Array {
  const [alg, own] = draw.pick<[number, string]>([
    [5, "s1"],
    [5, "s1"],
    [5, "s1"],
    [4, "s1"],
    [ES256, "e1"],
    [EDDSA, "d1"],
    [6, "s1"],
    [-35, "e1"],
  ]);
  const kid = draw.pick([own, own, own, "s2", "s1", "", ""]);
  const map = header(kid === "" ? undefined : kid, alg);
  if (draw.next() < 0.1) map.set(draw.pick([2, 3, 10, -70000, "x"]), draw.pick(odd));
  if (draw.next() < 0.05) map.set(draw.pick([1, 4]), draw.pick(odd));
  return draw.next() < 0.03 ? new Uint8Array(0) : map;
}

function unprotectedHeader(draw: Random): CborMap {
  if (draw.next() < 0.7) return new Map();
  return new Map<number, unknown>([
    [draw.pick([1, 2, 4, 4, 4, 10]), draw.pick<unknown>([5, Buffer.from("s1"), Buffer.from("s2"), "s1", []])],
  ]);
}

/** Changes what the tag is computed over, so that the tag stays good. */
function changeInside(message: Mac0, draw: Random): Mac0 {
  const part = draw.next() < 0.2 ? "protectedHeader" : "payload";
  const encoded = Buffer.from(message[part]);
  if (part === "payload" && draw.next() < 0.4) return { ...message, payload: reordered(encoded, draw) };
  return { ...message, [part]: changeBytes(encoded, draw) };
}

/** Members that are not sorted, or that stand there twice. */
function reordered(payload: Buffer, draw: Random): Uint8Array {
  const count = (payload[0] ?? 0xa0) & 31;
  const more = draw.pick<[number, unknown]>([
    [0, 1],
    [ISS, "coap://as"],
    [EXP, judgedS + 90],
    [SUB, "other"],
    [200, 1],
  ]);
  const member = Buffer.concat([cbor(more[0]), cbor(more[1])]);
  return Buffer.concat([
    Buffer.of(0xa0 | (count + 1)),
    ...(draw.next() < 0.5 ? [member, payload.subarray(1)] : [payload.subarray(1), member]),
  ]);
}

function changeBytes(bytes: Buffer, draw: Random): Buffer {
  const at = draw.below(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  const byte = Buffer.of(
    draw.pick([0, 1, 0x18, 0x19, 0x1b, 0x40, 0x5f, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc1, 0xf6, 0xf9, 0xff, draw.below(256)]),
  );
  switch (draw.below(4)) {
    case 0:
      return Buffer.concat([before, Buffer.of((after[0] ?? 0) ^ (1 << draw.below(8))), after.subarray(1)]);
    case 1:
      return Buffer.concat([before, byte, after]);
    case 2:
      return Buffer.concat([before, after.subarray(1 + draw.below(3))]);
    default:
      return Buffer.concat([before, byte, after.subarray(1)]);
  }
}

function changeText(text: string, draw: Random): string {
  const at = draw.below(text.length);
  return text.slice(0, at) + draw.pick(["A", "=", "+", ".", " ", "", "_", "é"]) + text.slice(at + 1);
}

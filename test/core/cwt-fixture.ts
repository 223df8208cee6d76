import { createHmac } from "node:crypto";
import { type CborMap, cbor, HMAC_256_64, HMAC_256_256, type Mac0, mac0Bytes, macStructure } from "../../cli/simulate/cwt.ts";
import type { TestCore } from "./core-fixture.ts";

/** The core's exports for CWTs that only tests and benchmarks call. */
export interface CwtCore extends TestCore {
  cbor_scan(address: number, length: number): number;
  cwt_verify(slot: number, authenticator: number, nowMs: number): number;
  cose_verify(slot: number, authenticator: number): number;
}

export const ISS = 1;
export const SUB = 2;
export const AUD = 3;
export const EXP = 4;
export const NBF = 5;
export const IAT = 6;
export const CTI = 7;
export const SCOPE = 9;

export interface Headers {
  protectedHeader?: CborMap | Uint8Array;
  unprotectedHeader?: CborMap | Uint8Array;
}

/** A protected header with `alg`, and a kid where one is given. */
export function header(kid?: string, alg = HMAC_256_256): CborMap {
  const map: CborMap = new Map([[1, alg]]);
  return kid === undefined ? map : map.set(4, Buffer.from(kid));
}

/** HMAC-SHA-256 of the message's MAC_structure, cut for HMAC 256/64. */
export function tagOf(message: Mac0, key: Uint8Array, alg = HMAC_256_256): Uint8Array {
  const tag = createHmac("sha256", key).update(macStructure(message)).digest();
  return Uint8Array.from(alg === HMAC_256_64 ? tag.subarray(0, 8) : tag);
}

export function mac0(claims: CborMap | Uint8Array, { protectedHeader = header(), unprotectedHeader = new Map() }: Headers): Mac0 {
  const bytes = (map: CborMap | Uint8Array) => (map instanceof Uint8Array ? map : cbor(map));
  return { protectedHeader: bytes(protectedHeader), unprotectedHeader: bytes(unprotectedHeader), payload: bytes(claims) };
}

/** COSE algorithms of signatures (RFC 9053 §2, RFC 9864 §2), and what the core calls them. */
export const ES256 = -7;
export const EDDSA = -8;
export const ESP256 = -9;
export const ED25519 = -19;

/** What the signature of a COSE_Sign1 is computed over (RFC 9052 §4.4). */
export function sigStructure({ protectedHeader, payload }: Mac0): Uint8Array {
  return cbor(["Signature1", protectedHeader, new Uint8Array(0), payload]);
}

/** The message, with the tag 18 in front: built as a COSE_Mac0 is. */
export function sign1Bytes(message: Mac0, signature: Uint8Array): Uint8Array {
  const bytes = mac0Bytes(message, signature);
  bytes[0] = 0xd2;
  return bytes;
}

/** A good message of claims that may be anything, tag 17 in front. */
export function cwtBytes(claims: CborMap | Uint8Array, key: Uint8Array, headers: Headers = {}, alg = HMAC_256_256): Uint8Array {
  const message = mac0(claims, headers);
  return mac0Bytes(message, tagOf(message, key, alg));
}

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

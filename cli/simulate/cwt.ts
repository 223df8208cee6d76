import { encode, rfc8949EncodeOptions } from "cborg";

/** Header parameters and claims by their numbers (RFC 9052 §3.1, RFC 8392 §4) or names. */
export type CborMap = Map<number | string, unknown>;

export interface Mac0 {
  /** Encoded map; empty for an empty one. */
  protectedHeader: Uint8Array;
  /** Encoded map. */
  unprotectedHeader: Uint8Array;
  payload: Uint8Array;
}

export const HMAC_256_64 = 4;
export const HMAC_256_256 = 5;

/** Deterministic CBOR (RFC 8949 §4.2.1). */
export function cbor(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

/** What the tag of a COSE_Mac0 is computed over (RFC 9052 §6.3). */
export function macStructure({ protectedHeader, payload }: Mac0): Uint8Array {
  return cbor(["MAC0", protectedHeader, new Uint8Array(0), payload]);
}

/** The message, with the tag 17 in front. */
export function mac0Bytes({ protectedHeader, unprotectedHeader, payload }: Mac0, tag: Uint8Array): Uint8Array {
  return Uint8Array.of(0xd1, 0x84, ...cbor(protectedHeader), ...unprotectedHeader, ...cbor(payload), ...cbor(tag));
}

/** A device's key: HKDF-Expand (RFC 5869 §2.3) of the fleet's secret, info = the device's id, 32 bytes. */
export function deviceKey(secret: Uint8Array<ArrayBuffer>, id: string): Promise<Uint8Array<ArrayBuffer>> {
  return hmac(secret, Uint8Array.of(...new TextEncoder().encode(id), 1));
}

/** A CWT in base64url, its MAC HMAC 256/256, its kid in the protected header. */
export async function signCwt(key: Uint8Array<ArrayBuffer>, kid: string, claims: CborMap): Promise<string> {
  const header = new Map<number, unknown>([
    [1, HMAC_256_256],
    [4, new TextEncoder().encode(kid)],
  ]);
  const message = { protectedHeader: cbor(header), unprotectedHeader: cbor(new Map()), payload: cbor(claims) };
  const tag = await hmac(key, Uint8Array.from(macStructure(message)));
  return btoa(String.fromCharCode(...mac0Bytes(message, tag)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

async function hmac(key: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message));
}

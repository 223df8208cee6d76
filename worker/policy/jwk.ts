import { type Algorithm, algorithms, keyShapeOf } from "./algorithms.ts";
import type { Read } from "./quantity.ts";

/** A public key with the members that its type needs, and no other (RFC 7518 §6, RFC 8037 §2). */
export type PublicJwk =
  | { kty: "RSA"; n: string; e: string }
  | { kty: "EC"; crv: "P-256" | "P-384" | "P-521"; x: string; y: string }
  | { kty: "OKP"; crv: "Ed25519"; x: string };

/** A public key, and what may be verified with it. JSON-safe. */
export interface PublicKey {
  /** null = none. */
  kid: string | null;
  jwk: PublicJwk;
  algorithms: Algorithm[];
}

/** RFC 7518 §3.3 asks for 2048 bits; beyond 8192 a verification costs more than it is worth. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MAX_KID = 256;
const coordinateBytes = { "P-256": 32, "P-384": 48, "P-521": 66 } as const;
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/**
 * Reads a JWK (RFC 7517 §4) that is to verify signatures. Whether a point lies on its curve only its import can say.
 *
 * Errors: jwk_malformed, jwk_private, jwk_type_unsupported, jwk_not_for_signatures, rsa_size_refused. None repeats anything of the key.
 */
export function readJwk(input: unknown): Read<PublicKey> {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return malformed("a JWK, as a mapping");
  const members = input as Record<string, unknown>;
  if (members.kty === "oct" || privateMembers.some((name) => Object.hasOwn(members, name))) {
    const message = "this key is no public key: whoever reads it could sign with it";
    return { ok: false, code: "jwk_private", expected: "the public key's members only", message };
  }
  const jwk = publicMembers(members);
  if (!jwk.ok) return jwk;
  const { kid = null } = members;
  if (kid !== null && (typeof kid !== "string" || kid === "" || kid.length > MAX_KID)) return malformed("a kid that is a text");
  const fitting = usableFor(members, jwk.value);
  if (fitting.length > 0) return { ok: true, value: { kid, jwk: jwk.value, algorithms: fitting } };
  const message = "what this key says it is for excludes every signature algorithm of its type";
  const expected = "use, key_ops and alg that agree with kty and allow verify";
  return { ok: false, code: "jwk_not_for_signatures", expected, message };
}

function publicMembers({ kty, crv, n, e, x, y }: Record<string, unknown>): Read<PublicJwk> {
  if (kty === "RSA") return rsaMembers(n, e);
  if (kty === "EC" && (crv === "P-256" || crv === "P-384" || crv === "P-521")) {
    const size = coordinateBytes[crv];
    if (lengthOf(x) !== size || lengthOf(y) !== size) return malformed(`x and y of ${size} bytes in base64url`);
    return { ok: true, value: { kty, crv, x: x as string, y: y as string } };
  }
  if (kty === "OKP" && crv === "Ed25519") {
    if (lengthOf(x) !== 32) return malformed("x of 32 bytes in base64url");
    return { ok: true, value: { kty, crv, x: x as string } };
  }
  const expected = "RSA, EC with P-256, P-384 or P-521, or OKP with Ed25519";
  return { ok: false, code: "jwk_type_unsupported", expected, message: "keys of this type are not supported" };
}

function rsaMembers(n: unknown, e: unknown): Read<PublicJwk> {
  const modulus = bytesOf(n);
  const exponent = bytesOf(e);
  if (modulus === null || exponent === null) return malformed("n and e in base64url");
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    const expected = `a modulus of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits (RFC 7518 §3.3)`;
    return { ok: false, code: "rsa_size_refused", expected, message: `an RSA key of ${bits} bits is refused` };
  }
  // An even exponent is none; 1 would make every number its own signature.
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1;
  if (!isOdd || exponent.length > 4 || (exponent.length === 1 && exponent[0] === 1)) return malformed("an odd e from 3 to 2^32");
  return { ok: true, value: { kty: "RSA", n: n as string, e: e as string } };
}

/** RFC 7517 §4.2–4.4: each of use, key_ops and alg narrows what the key may do. */
function usableFor({ use, key_ops: operations, alg }: Record<string, unknown>, jwk: PublicJwk): Algorithm[] {
  if (use !== undefined && use !== "sig") return [];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) return [];
  return algorithms.filter((algorithm) => {
    const { kty, crv } = keyShapeOf(algorithm);
    return kty === jwk.kty && crv === ("crv" in jwk ? jwk.crv : null) && (alg === undefined || alg === algorithm);
  });
}

/** The bytes of a base64url text without padding and leading zeros (RFC 7518 §2); null = it is none. */
function bytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{2,1400}$/.test(value) || value.length % 4 === 1) return null;
  const bytes = Uint8Array.from(atob(value.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return bytes[0] === 0 ? null : bytes;
}

/** Bytes of a base64url text; -1 = it is none. */
function lengthOf(value: unknown): number {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{1,200}$/.test(value) || value.length % 4 === 1) return -1;
  return Math.floor((value.length * 3) / 4);
}

function malformed(expected: string): Read<never> {
  return { ok: false, code: "jwk_malformed", expected, message: "this is not a JWK" };
}

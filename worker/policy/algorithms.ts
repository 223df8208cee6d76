/** JWS algorithms (RFC 7518 §3.1, RFC 8037 §3.1) in the order of the core's ALG_*. EdDSA is Ed25519. */
export const algorithms = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;
export type Algorithm = (typeof algorithms)[number];

/** The key that an algorithm takes, as a JWK says it (RFC 7518 §6.1, RFC 8037 §2). */
export interface KeyShape {
  kty: "oct" | "RSA" | "EC" | "OKP";
  /** null = the type has none. */
  crv: "P-256" | "P-384" | "P-521" | "Ed25519" | null;
}

const curves = { ES256: "P-256", ES384: "P-384", ES512: "P-521" } as const;

export function keyShapeOf(algorithm: Algorithm): KeyShape {
  if (algorithm === "EdDSA") return { kty: "OKP", crv: "Ed25519" };
  if (algorithm === "ES256" || algorithm === "ES384" || algorithm === "ES512") return { kty: "EC", crv: curves[algorithm] };
  return { kty: isSymmetric(algorithm) ? "oct" : "RSA", crv: null };
}

/** Its key is a shared secret. */
export function isSymmetric(algorithm: Algorithm): boolean {
  return algorithm.startsWith("HS");
}

/** Bytes of an HMAC key: at least as many as its hash has (RFC 7518 §3.2). 0 for the others. */
export function leastSecretBytes(algorithm: Algorithm): number {
  return isSymmetric(algorithm) ? Number(algorithm.slice(2)) / 8 : 0;
}

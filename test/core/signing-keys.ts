import { constants, createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign as signBytes } from "node:crypto";
import { type Algorithm, keyShapeOf } from "../../worker/policy/algorithms.ts";

/** A key pair for one algorithm, made anew with every run. */
export interface SigningKey {
  algorithm: Algorithm;
  kid: string;
  /** Public; for HS algorithms the secret. */
  jwk: JsonWebKey;
  sign(input: string | Uint8Array): Buffer;
}

export function newSigningKey(algorithm: Algorithm, kid: string): SigningKey {
  return newSigningKeys([algorithm], kid)[0] as SigningKey;
}

/** One key pair, for each of the algorithms that it serves. */
export function newSigningKeys(served: readonly [Algorithm, ...Algorithm[]], kid: string): SigningKey[] {
  const { publicKey, privateKey } = keyPair(served[0]);
  const jwk = publicKey.export({ format: "jwk" });
  return served.map((algorithm) => {
    const sign = (input: string | Uint8Array) => signWith(algorithm, Buffer.from(input), privateKey);
    return { algorithm, kid, jwk, sign };
  });
}

/** A symmetric one. */
export function newSecretKey(algorithm: "HS256" | "HS384" | "HS512", kid: string, secret: string): SigningKey {
  const hash = `sha${algorithm.slice(2)}`;
  const jwk = { kty: "oct", k: Buffer.from(secret).toString("base64url") };
  return { algorithm, kid, jwk, sign: (input) => createHmac(hash, secret).update(input).digest() };
}

function keyPair(algorithm: Algorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  const { kty, crv } = keyShapeOf(algorithm);
  if (kty === "RSA") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return kty === "EC" ? generateKeyPairSync("ec", { namedCurve: crv ?? "" }) : generateKeyPairSync("ed25519");
}

function signWith(algorithm: Algorithm, input: Buffer, key: KeyObject): Buffer {
  if (algorithm === "EdDSA") return signBytes(null, input, key);
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith("RS")) return signBytes(hash, input, key);
  if (algorithm.startsWith("ES")) return signBytes(hash, input, { key, dsaEncoding: "ieee-p1363" });
  return signBytes(hash, input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
}

/** A compact JWS over a header and a payload as they are spelt. */
export function compactJws(key: SigningKey, header: string | Uint8Array, payload: string | Uint8Array): string {
  const input = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`;
  return `${input}.${key.sign(input).toString("base64url")}`;
}

export function signedToken(key: SigningKey, claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  return compactJws(key, JSON.stringify({ alg: key.algorithm, kid: key.kid, ...header }), JSON.stringify(claims));
}

import { type Algorithm, isSymmetric } from "./algorithms.ts";
import type { PublicJwk } from "./jwk.ts";
import type { Finding } from "./problem.ts";
import type { Authenticator } from "./schema.ts";

/** How WebCrypto calls an algorithm, for import and for verification (RFC 7518 §3.2–3.5, RFC 8037 §3.1). */
export function webCryptoName(algorithm: Algorithm) {
  const hash = `SHA-${algorithm.slice(2)}`;
  switch (algorithm.slice(0, 2)) {
    case "HS":
      return { name: "HMAC", hash };
    case "RS":
      return { name: "RSASSA-PKCS1-v1_5", hash };
    case "PS":
      return { name: "RSA-PSS", hash, saltLength: Number(algorithm.slice(2)) / 8 };
    case "ES":
      return { name: "ECDSA", hash, namedCurve: algorithm === "ES512" ? "P-521" : `P-${algorithm.slice(2)}` };
    default:
      return { name: "Ed25519" };
  }
}

/** The key for one algorithm; null when WebCrypto refuses it (a point that lies on no curve, …). */
export async function importPublicKey(jwk: PublicJwk, algorithm: Algorithm): Promise<CryptoKey | null> {
  try {
    return await crypto.subtle.importKey("jwk", { ...jwk }, webCryptoName(algorithm), false, ["verify"]);
  } catch {
    return null;
  }
}

/** Keys of the policy that no signature could be verified with. Code: jwk_malformed. */
export async function keyImportFindings(authenticators: readonly Authenticator[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [index, authenticator] of authenticators.entries()) {
    const keys = authenticator.type === "api-key" ? [] : (authenticator.keys ?? []);
    for (const [i, { jwk: key }] of keys.entries()) {
      const algorithm = key?.algorithms.find((name) => !isSymmetric(name));
      if (key === undefined || algorithm === undefined || (await importPublicKey(key.jwk, algorithm)) !== null) continue;
      const path = ["authenticators", index, "keys", i, "jwk"];
      const message = "no key can be made of this JWK";
      findings.push({ path, code: "jwk_malformed", message, expected: "a point on the key's curve", found: "(hidden)" });
    }
  }
  return findings;
}

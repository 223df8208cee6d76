import { algorithms } from "../../../worker/policy/algorithms.ts";
import { signatureEdges } from "../signature-edges.ts";
import { compactJws, newSecretKey, newSigningKey, type SigningKey } from "../signing-keys.ts";
import type { JwsVector } from "./jws-vector.ts";

const secret = "of sixty-four bytes at least, which is as many as HS512 asks for, no less";

function keyOf(algorithm: SigningKey["algorithm"]): SigningKey {
  if (algorithm === "HS256" || algorithm === "HS384" || algorithm === "HS512") return newSecretKey(algorithm, "k", secret);
  return newSigningKey(algorithm, "k");
}

/** A zero in front that is taken off is another case: once in 256 the edges would be others. */
function signedWithoutZero(key: SigningKey): string {
  for (let n = 0; ; n++) {
    const jws = compactJws(key, `{"alg":"${key.algorithm}","kid":"k"}`, `{"n":${n}}`);
    if (Buffer.from(jws.slice(jws.lastIndexOf(".") + 1), "base64url")[0] !== 0) return jws;
  }
}

function vectorsOf(algorithm: SigningKey["algorithm"]): JwsVector[] {
  const key = keyOf(algorithm);
  const jws = signedWithoutZero(key);
  const input = jws.slice(0, jws.lastIndexOf("."));
  const good = Buffer.from(jws.slice(input.length + 1), "base64url");
  const edges = [{ name: "good", signature: good, valid: true }, ...signatureEdges(key, good)];
  return edges.map(({ name, signature, valid }) => ({
    id: `${algorithm} ${name}`,
    valid,
    jws: `${input}.${signature.toString("base64url")}`,
    jwk: { ...key.jwk, kid: "k" },
  }));
}

/** Wycheproof publishes ECDSA, EdDSA and RSA for other forms and keys; its ideas are tried on a new key of each algorithm. */
export function edgeVectors(): JwsVector[] {
  return algorithms.flatMap(vectorsOf);
}

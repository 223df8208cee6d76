import { readCorpus } from "./corpora.ts";
import type { JwsVector } from "./jws-vector.ts";

type Jwk = Record<string, unknown>;

interface Example {
  input: { payload: string; key: Jwk | Jwk[] };
  output: { json: { signatures: { protected?: string; signature: string }[] } };
}

const names = [
  "4_1.rsa_v15_signature",
  "4_2.rsa-pss_signature",
  "4_3.ecdsa_signature",
  "4_4.hmac-sha2_integrity_protection",
  "4_5.signature_with_detached_content",
  "4_6.protecting_specific_header_fields",
  "4_7.protecting_content_only",
  "4_8.multiple_signatures",
];

const unprotected = "no protected header: it has no compact form (RFC 7515 §7.1)";

/** Detached content (§4.5) comes back into its place; each of several signatures (§4.8) is a vector of its own. */
function vectorsOf(name: string, { input, output }: Example): JwsVector[] {
  const keys = [input.key].flat();
  return output.json.signatures.map(({ protected: header, signature }, i) => ({
    id: `${name} ${i}`,
    valid: true,
    jws: `${header ?? ""}.${Buffer.from(input.payload).toString("base64url")}.${signature}`,
    jwk: keys[keys.length === 1 ? 0 : i] as Jwk,
    otherwise: header === undefined ? unprotected : undefined,
  }));
}

/** RFC 7520 §4, as the cookbook has it; null = it is not here. */
export function cookbookJws(): JwsVector[] | null {
  const vectors: JwsVector[] = [];
  for (const name of names) {
    const example = readCorpus<Example>(`jwt/cookbook-jws/${name}.json`);
    if (example === null) return null;
    vectors.push(...vectorsOf(name, example));
  }
  return vectors;
}

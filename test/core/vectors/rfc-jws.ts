import { hs256Verifier } from "../hs256-verifier.ts";
import { verifyJws } from "../verify-jws.ts";
import { readCorpus } from "./corpora.ts";
import type { Suite, Vector } from "./suite.ts";

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
function vectorsOf(name: string, { input, output }: Example, byCore: boolean): Vector[] {
  const keys = [input.key].flat();
  return output.json.signatures.flatMap(({ protected: header, signature }, i): Vector[] => {
    const jwk = keys[keys.length === 1 ? 0 : i] as Jwk;
    if (byCore && jwk.kty !== "oct") return [];
    const jws = `${header ?? ""}.${Buffer.from(input.payload).toString("base64url")}.${signature}`;
    const judge = byCore ? async () => (await hs256Verifier(jwk as { kty: string }))(jws) : () => verifyJws(jws, jwk);
    return [{ id: `${name} ${i}`, valid: true, judge, otherwise: header === undefined ? unprotected : undefined }];
  });
}

function read(byCore: boolean): Vector[] | null {
  const examples = names.map((name) => ({ name, example: readCorpus<Example>(`jwt/cookbook-jws/${name}.json`) }));
  if (examples.some(({ example }) => example === null)) return null;
  return examples.flatMap(({ name, example }) => vectorsOf(name, example as Example, byCore));
}

export const rfcJws: readonly Suite[] = [
  { name: "RFC 7520 §4, HS256", by: "core", valid: 5, invalid: 0, read: () => read(true) },
  { name: "RFC 7520 §4", by: "core and WebCrypto", valid: 10, invalid: 0, read: () => read(false) },
];

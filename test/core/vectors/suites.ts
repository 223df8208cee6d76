import { hs256Verifier, type SecretJwk } from "../hs256-verifier.ts";
import { verifyJws } from "../verify-jws.ts";
import { cookbookJws } from "./cookbook-jws.ts";
import { coseMac0 } from "./cose-mac0.ts";
import { jwsSources, type Source } from "./jws-sources.ts";
import type { JwsVector } from "./jws-vector.ts";
import { rfcExamples } from "./rfc-examples.ts";
import type { Suite, Vector } from "./suite.ts";
import { wycheproofHmac } from "./wycheproof-hmac.ts";
import { wycheproofJws } from "./wycheproof-jws.ts";

function byWebCrypto({ jws, jwk, ...vector }: JwsVector): Vector {
  return { ...vector, judge: () => verifyJws(jws, jwk) };
}

/** The core has no other algorithm. */
function byCore(vectors: readonly JwsVector[]): Vector[] {
  const own = vectors.filter(({ jwk }) => jwk.kty === "oct" && (jwk.alg === undefined || jwk.alg === "HS256"));
  return own.map(({ jws, jwk, ...vector }) => {
    const judge = async () => (await hs256Verifier(jwk as unknown as SecretJwk))(jws);
    return { ...vector, judge };
  });
}

const coreSources: readonly Source[] = [
  { name: "Wycheproof JWS, HS256", valid: 10, invalid: 30, read: wycheproofJws },
  { name: "RFC 7515 appendix A, HS256", valid: 1, invalid: 1, read: rfcExamples },
  { name: "RFC 7520 §4, HS256", valid: 5, invalid: 0, read: cookbookJws },
];

export const suites: readonly Suite[] = [
  ...coreSources.map((source) => ({ ...source, by: "core", read: () => mapped(source, byCore) })),
  ...jwsSources.map((source) => ({
    ...source,
    by: "core and WebCrypto",
    read: () => mapped(source, (vectors) => vectors.map(byWebCrypto)),
  })),
  ...wycheproofHmac,
  coseMac0,
];

function mapped({ read }: Source, judged: (vectors: JwsVector[]) => Vector[]): Vector[] | null {
  const vectors = read();
  return vectors === null ? null : judged(vectors);
}

import { readCorpus } from "./corpora.ts";
import type { JwsVector } from "./jws-vector.ts";

interface Group {
  public?: Record<string, unknown>;
  private: Record<string, unknown>;
  tests: { tcId: number; comment: string; jws: string; result: "valid" | "invalid" }[];
}

const lostPadding = "the same bytes as the valid 357: its padding was lost before it was published";
const otherAlgorithm = "the key says alg PS256, the token PS384: key and algorithm must agree (RFC 8725 §3.1)";
const noAlgorithm = "the key says alg ES521, which is no algorithm (RFC 7518 §3.1)";
const stranger = "a '?' in a part: RFC 7515 §2 allows no character outside the alphabet";
const otherwise: Record<number, string> = {
  346: otherAlgorithm,
  347: noAlgorithm,
  350: otherAlgorithm,
  351: noAlgorithm,
  367: lostPadding,
  370: lostPadding,
  372: stranger,
  373: stranger,
};

/** null = the corpus is not here. */
export function wycheproofJws(): JwsVector[] | null {
  const file = readCorpus<{ testGroups: Group[] }>("wycheproof/json_web_signature_test.json");
  if (file === null) return null;
  return file.testGroups.flatMap(({ public: publicJwk, private: jwk, tests }) =>
    tests.map(({ tcId, comment, jws, result }) => ({
      id: `${tcId} ${comment}`,
      valid: result === "valid",
      jws,
      jwk: publicJwk ?? jwk,
      otherwise: otherwise[tcId],
    })),
  );
}

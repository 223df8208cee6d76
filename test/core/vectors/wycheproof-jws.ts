import { hs256Verifier, type SecretJwk } from "../hs256-verifier.ts";
import { verifyJws } from "../verify-jws.ts";
import { readCorpus } from "./corpora.ts";
import type { Suite, Vector } from "./suite.ts";

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

type Judge = (jws: string) => boolean | Promise<boolean>;

/** The groups that `judgeOf` has a judge for. */
async function read(judgeOf: (group: Group) => Judge | null | Promise<Judge | null>): Promise<Vector[] | null> {
  const file = readCorpus<{ testGroups: Group[] }>("wycheproof/json_web_signature_test.json");
  if (file === null) return null;
  const vectors: Vector[] = [];
  for (const group of file.testGroups) {
    const judge = await judgeOf(group);
    if (judge === null) continue;
    for (const { tcId, comment, jws, result } of group.tests) {
      vectors.push({
        id: `${tcId} ${comment}`,
        valid: result === "valid",
        judge: () => judge(jws),
        otherwise: otherwise[tcId],
      });
    }
  }
  return vectors;
}

export const wycheproofJws: readonly Suite[] = [
  {
    name: "Wycheproof JWS, HS256",
    by: "core",
    valid: 10,
    invalid: 30,
    read: () => read(({ private: jwk }) => (jwk.kty === "oct" ? hs256Verifier(jwk as unknown as SecretJwk) : null)),
  },
  {
    name: "Wycheproof JWS",
    by: "core and WebCrypto",
    valid: 46,
    invalid: 355,
    read: () => read((group) => (jws) => verifyJws(jws, group.public ?? group.private)),
  },
];

import { cookbookJws } from "./cookbook-jws.ts";
import { edgeVectors } from "./edges.ts";
import type { JwsVector } from "./jws-vector.ts";
import { rfcExamples } from "./rfc-examples.ts";
import type { Suite } from "./suite.ts";
import { wycheproofJws } from "./wycheproof-jws.ts";

/** Published counts, and the data. */
export type Source = Pick<Suite, "name" | "valid" | "invalid"> & { read: () => JwsVector[] | null };

export const jwsSources: readonly Source[] = [
  { name: "Wycheproof JWS", valid: 46, invalid: 355, read: wycheproofJws },
  { name: "RFC 7515 appendix A, RFC 8037 A.4", valid: 5, invalid: 1, read: rfcExamples },
  { name: "RFC 7520 §4", valid: 10, invalid: 0, read: cookbookJws },
  { name: "edges of signatures, every algorithm", valid: 16, invalid: 459, read: edgeVectors },
];

import { coseMac0 } from "./cose-mac0.ts";
import { signatureEdgeSuite } from "./edges.ts";
import { rfcExamples } from "./rfc-examples.ts";
import { rfcJws } from "./rfc-jws.ts";
import type { Suite } from "./suite.ts";
import { wycheproofHmac } from "./wycheproof-hmac.ts";
import { wycheproofJws } from "./wycheproof-jws.ts";

export const suites: readonly Suite[] = [
  ...wycheproofJws,
  ...wycheproofHmac,
  rfcExamples,
  ...rfcJws,
  coseMac0,
  signatureEdgeSuite,
];

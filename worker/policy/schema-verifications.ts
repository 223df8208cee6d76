import * as z from "zod";
import { ratePattern, readRate } from "./quantity.ts";
import { strict, text } from "./schema-fields.ts";

const OF_SIGNATURES =
  "How many signatures one client address may have verified; a token that was verified lately costs none. HS256, and HMAC in a CWT, are free.";

/** How much work a client may make the host do. */
export function verifications(description = OF_SIGNATURES) {
  return strict({
    rate: text(readRate, { description: "REQUESTS/WINDOW, as in limits.", pattern: ratePattern, examples: ["50/1s"] }).prefault(
      "50/1s",
    ),
    burst: z.int().min(1).max(100_000).default(100).meta({ description: "How many may come at once after a pause." }),
  })
    .prefault({})
    .meta({ description });
}

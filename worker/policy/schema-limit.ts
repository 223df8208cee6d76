import * as z from "zod";
import { MAX_CONCURRENT, MAX_KEY_PARTS, MAX_REQUEST_LIMITS } from "../../wasm/abi.ts";
import { limitKeyPattern, readLimitKey } from "./limit-key.ts";
import { limitRatePattern, quotaPattern, readLimitRate, readQuota, readTimeZone } from "./quantity.ts";
import { durationMs, name, strict, text } from "./schema-fields.ts";

const MOST_BURST = 1_000_000_000_000;
const DAY_MS = 86_400_000;

export type Limit = z.output<ReturnType<typeof limit>>;

/** What a field of its own cannot say, such as which of rate, concurrent and quota goes with what, check-limits.ts says. */
export function limit() {
  return strict({
    name: name("What services and operations call it. Its counts survive a change of policy under the same name."),
    by: limitBy(),
    rate: rates().optional(),
    burst: burst().optional(),
    concurrent: z
      .int()
      .min(1)
      .max(MAX_CONCURRENT)
      .optional()
      .meta({ description: "Instead of a rate: requests that may be in flight at once, in each isolate." }),
    hold: durationMs(
      1_000,
      3_600_000,
      "With concurrent: how long a request counts as in flight at most, should its end never be seen.",
    ).optional(),
    quota: text(readQuota, {
      description: "Instead of a rate: REQUESTS/PERIOD, the period being a calendar day, week (from Monday) or month.",
      pattern: quotaPattern,
      examples: ["100000/month"],
    }).optional(),
    timezone: text(readTimeZone, {
      description: "With quota: the IANA time zone in which its periods begin. Default: UTC.",
      examples: ["Europe/Berlin"],
    }).optional(),
    counts: z.enum(["requests", "upstream-cost", "bytes-in", "bytes-out", "bytes"]).default("requests").meta({
      description:
        "What is counted. requests: each as many as its operation costs. upstream-cost: what the answer's X-Picket-Cost says, where that is more. bytes: of bodies; more than there was left is owed.",
    }),
    scope: z.enum(["isolate", "region", "global"]).optional().meta({
      description:
        "Over what is counted: each isolate by itself (the default), all isolates of a region, or all regions (the default of a quota).",
    }),
    strict: z.boolean().default(false).meta({
      description:
        "Never admit more. In an isolate: not even when the table of counts is full; a new key may then wait. Over regions: every request asks before it is admitted.",
    }),
    firstContact: z
      .int()
      .min(0)
      .max(10_000)
      .optional()
      .meta({ description: "Over regions: what an isolate lets pass of a key that it knows nothing of. Default: 5, or less." }),
    whenAway: z.enum(["local", "refuse"]).optional().meta({
      description:
        "Over regions: what holds while whoever counts cannot be reached. local: each isolate's own count. refuse: the default where it is strict.",
    }),
    penalty: penalty().optional(),
    mode: z.enum(["enforce", "shadow"]).default("enforce").meta({
      description: "shadow: what it would refuse passes, and is shown in events, counts and the console as would-be refused.",
    }),
    announce: z.enum(["refusals", "always", "never"]).default("refusals").meta({
      description:
        "When callers are told of it by RateLimit headers: with refusals, with every answer, or never, so that nobody learns its shape.",
    }),
  });
}

function limitBy() {
  const part = () =>
    text(readLimitKey, {
      description:
        "principal, credential (the very token or key), address (IPv6 by /64), network (/24, IPv6 by /48), asn, country, operation, service, the value of a token's claim, of a header or of a path parameter.",
      pattern: limitKeyPattern,
      examples: ["principal", "claim:dev", "parameter:orderId"],
    });
  return z
    .union([part().transform((one) => [one]), z.array(part()).min(1).max(MAX_KEY_PARTS)])
    .meta({ description: "What is counted apart; a list counts each combination, as in [principal, operation]." });
}

/** Several windows hold at once. */
function rates() {
  const rate = () =>
    text(readLimitRate, {
      description: "REQUESTS/WINDOW in whole numbers and s, m, h or d; for bytes with B, kB, MB or GB.",
      pattern: limitRatePattern,
      examples: ["600/1m", "10MB/1m"],
    });
  const window = z.union([
    rate().transform((one) => ({ rate: one, burst: undefined })),
    strict({ rate: rate(), burst: burst().optional() }),
  ]);
  return z
    .union([rate().transform((one) => [{ rate: one, burst: undefined }]), z.array(window).min(1).max(MAX_REQUEST_LIMITS)])
    .meta({ description: "A rate, or several that hold at once, such as [10/1s, 600/1m]." });
}

function burst() {
  return z.int().min(1).max(MOST_BURST).meta({
    description: "Requests that may come at once after a pause. Default: the rate's count, 100 at most; of bytes all of it.",
  });
}

function penalty() {
  return strict({
    after: z.int().min(1).max(100_000).meta({ description: "Refusals of one key that put it into the penalty box." }),
    within: durationMs(1_000, DAY_MS, "… when they come within so long.").prefault("1m"),
    block: durationMs(1_000, DAY_MS, "How long it is blocked the first time; each further time twice as long.").prefault("1m"),
    most: durationMs(1_000, DAY_MS, "… but never longer.").prefault("1h"),
  }).meta({ description: "Repeated refusals lengthen a block. Who is blocked is listed, and can be let out." });
}

import { z } from "@hono/zod-openapi";
import { rangeNames } from "./overview-range.ts";
import { accountsSchema } from "./telemetry-accounts.ts";

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() }).openapi("Estimate", {
  description: "Estimated from samples, with its 95 % interval",
});
const counts = z.object({ requests: z.number(), refused: z.number(), shadow: z.number() });
const p95Ms = z.number().nullable().openapi({ description: "±5 %: latencies are counted in logarithmic buckets" });

export const overviewSchema = z
  .object({
    range: z.object({ name: z.enum(rangeNames), fromMs: z.number(), toMs: z.number(), stepMs: z.number() }),
    generatedMs: z.number(),
    totals: counts.extend({ upstreamFailures: z.number(), p95Ms, principals: estimate.nullable() }),
    previous: z.object({ requests: z.number(), refused: z.number() }).nullable(),
    regions: z.array(
      z.object({
        region: z.string(),
        requests: z.number(),
        refused: z.number(),
        lastReportMs: z.number().nullable(),
        series: z.array(counts.nullable()),
      }),
    ),
    operations: z.array(
      counts.extend({ service: z.string(), method: z.string(), operation: z.string(), owner: z.string(), p95Ms }),
    ),
    reasons: z.array(
      z.object({
        reason: z.string(),
        verdict: z.enum(["refuse", "shadow"]),
        service: z.string(),
        operation: z.string(),
        requests: z.number(),
      }),
    ),
    principals: z.array(
      z.object({
        principal: z.string(),
        kind: z.string(),
        authenticator: z.string(),
        operation: z.string(),
        method: z.string(),
        refused: estimate,
      }),
    ),
    policy: z.object({ version: z.int(), publishedMs: z.number() }),
    telemetry: accountsSchema,
  })
  .openapi("Overview");

export type Overview = z.infer<typeof overviewSchema>;

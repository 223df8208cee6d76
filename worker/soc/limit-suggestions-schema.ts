import { z } from "@hono/zod-openapi";
import { defaults } from "./limit-suggestion.ts";

/** As many days as peaks are kept (worker/region/retention.ts). */
export const MOST_DAYS = 40;
/** Callers that are named of each answer. */
export const MOST_NAMED = 200;

export const suggestionsQuery = z.object({
  service: z.string().max(63).default("").openapi({ description: "Only this service's operations" }),
  at: z.enum(["max", "p99"]).default("max").openapi({
    description: "Above the largest peak of a caller, or above the 99th percentile of their peaks",
  }),
  days: z.coerce.number().int().min(1).max(MOST_DAYS).default(MOST_DAYS).openapi({ description: "How far back to look" }),
  minDays: z.coerce.number().int().min(0).max(MOST_DAYS).default(defaults.minDays).openapi({
    description: "Nothing is suggested for an operation whose first peak is more recent",
  }),
  minCallers: z.coerce.number().int().min(1).max(10_000).default(defaults.minCallers),
});

const quantileSchema = z
  .object({ value: z.number(), low: z.number().nullable(), high: z.number().nullable() })
  .openapi("Quantile", {
    description: "With its distribution-free 95 % interval; null = so few callers bound it on that side by nothing",
  });

const callerName = { authenticator: z.string(), principal: z.string() };

const suggestionSchema = z
  .object({
    service: z.string(),
    method: z.string(),
    operation: z.string(),
    callers: z.int(),
    leftOut: z.int().openapi({ description: "Callers of whose requests most were refused: they raise no suggestion" }),
    days: z.int().openapi({ description: "Since the operation's first peak" }),
    coversMonth: z.boolean().openapi({ description: "False: what comes once a month may not have been seen" }),
    minute: z
      .object({ p50: quantileSchema, p90: quantileSchema, p99: quantileSchema, max: z.number() })
      .nullable()
      .openapi({ description: "The callers' peaks: requests let pass within one minute" }),
    largest: z.object({ ...callerName, minute: z.number(), burst: z.number() }).nullable(),
    asked: z.number().openapi({ description: "The largest minute with what was refused in it" }),
    exceedance: z.number().openapi({
      description:
        "The probability that a caller like these, but not among them, has a higher peak than all of them is at most this",
    }),
    state: z.enum(["ready", "too_few_days", "too_few_callers", "out_of_range"]),
    limit: z.object({ rate: z.string(), burst: z.int() }).nullable(),
    callersAbove: z.int().openapi({ description: "Known callers that the limit might have refused" }),
    above: z.array(z.object({ ...callerName, minute: z.number(), burst: z.number() })),
  })
  .openapi("LimitSuggestion");

export const suggestionsSchema = z.object({
  generatedMs: z.number(),
  policyVersion: z.int(),
  minDays: z.int(),
  minCallers: z.int(),
  isComplete: z.boolean().openapi({ description: "False: there are more operations than one answer looks at. Name a service" }),
  requestsUnlisted: z.number().openapi({ description: "Requests of which no peak could be kept, since the regions began" }),
  suggestions: z.array(suggestionSchema),
});

export type LimitSuggestion = z.infer<typeof suggestionSchema>;
export type LimitSuggestions = z.infer<typeof suggestionsSchema>;

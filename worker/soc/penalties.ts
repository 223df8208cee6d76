import { createRoute, z } from "@hono/zod-openapi";
import { MAX_BLOCKS, REFUSED_PRINCIPAL_SIZE } from "../../wasm/abi.ts";
import type { ShownEntry } from "../region/penalty-box.ts";
import { limitBody, operatorName, operatorSecurity, requireOperator, requireSameOrigin, SMALL_BODY_BYTES } from "./guards.ts";
import { lineSchema, nameSchema } from "./overlay-change.ts";
import { penaltySchema, regionCountersSchema } from "./penalty-schema.ts";
import { problem, problemAnswer } from "./problem.ts";
import { askRegions, regionNames } from "./regions.ts";
import { createRouter } from "./router.ts";

const PATH = "/_picket/api/v1/penalties";
const MOST_SHOWN = 500;

const limitName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: "this is no limit's name" })
  .openapi({ description: "Name of a limit" });

const list = createRoute({
  method: "get",
  path: PATH,
  summary:
    "The penalty boxes of all regions: who is blocked, who was let out in the last day, and whose next block will be longer",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query: z.object({ limit: limitName.optional(), principal: lineSchema(255).optional() }) },
  responses: {
    200: {
      description: "Who is blocked first, and of those the latest first",
      content: {
        "application/json": {
          schema: z.object({
            most: z.int().openapi({ description: "As many may be blocked in each region" }),
            total: z.int().openapi({ description: `As many there are; ${MOST_SHOWN} of them are listed at most` }),
            penalties: z.array(penaltySchema),
            regions: z.array(regionCountersSchema),
            silent: z.array(z.string()).openapi({ description: "Regions that did not answer" }),
          }),
        },
      },
    },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

const releaseSchema = z
  .strictObject({
    limit: limitName,
    key: z
      .string()
      .regex(/^[0-9a-f]{16}$/, { error: "expected 16 hex digits" })
      .optional(),
    principal: lineSchema(255).optional().openapi({ description: "All keys that came with that name" }),
    authenticator: nameSchema.optional().openapi({ description: "Only a principal that it vouches for" }),
  })
  .refine((one) => (one.key === undefined) !== (one.principal === undefined), {
    path: ["key"],
    error: "either key or principal is needed",
  })
  .refine((one) => one.authenticator === undefined || one.principal !== undefined, {
    path: ["authenticator"],
    error: "only with a principal",
  })
  .openapi("PenaltyRelease");

const release = createRoute({
  method: "post",
  path: `${PATH}/release`,
  summary: "Let a key or a principal out of the penalty boxes, in every region",
  security: operatorSecurity,
  middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireOperator] as const,
  request: { body: { required: true, content: { "application/json": { schema: releaseSchema } } } },
  responses: {
    200: {
      description: "Let out; isolates know within two seconds",
      content: {
        "application/json": {
          schema: z.object({
            released: z.array(penaltySchema),
            pending: z.array(z.string()).openapi({
              description: "Regions that did not answer: nobody was let out there; the same request once more asks them again",
            }),
          }),
        },
      },
    },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    404: problemAnswer("penalty_unknown"),
    413: problemAnswer("body_too_large"),
    503: problemAnswer("region_unavailable: nobody was let out, and some regions did not answer"),
  },
});

export const penalties = createRouter()
  .openapi(list, async (c) => {
    const { limit, principal } = c.req.valid("query");
    const names = regionNames(c.env, []);
    const answers = await askRegions(c.env, names, (region) => region.penalties());
    const named = principal === undefined ? undefined : cutName(principal);
    const all = answers
      .flatMap((answer, index) => shownAll(answer?.entries ?? [], names[index]))
      .filter((one) => (limit ?? one.limit) === one.limit && (named ?? one.principal) === one.principal)
      .sort(byImportance);
    const regions = answers.flatMap((answer, index) => (answer ? [{ region: names[index] ?? "", ...answer.counters }] : []));
    const silent = names.filter((_, index) => answers[index] === null);
    return c.json({ most: MAX_BLOCKS, total: all.length, penalties: all.slice(0, MOST_SHOWN), regions, silent }, 200);
  })
  .openapi(release, async (c) => {
    const { principal, ...which } = c.req.valid("json");
    const named = { ...which, principal: principal === undefined ? undefined : cutName(principal) };
    const who = await operatorName(c);
    const names = regionNames(c.env, []);
    const answers = await askRegions(c.env, names, (region) => region.release(named, who));
    const released = answers.flatMap((answer, index) => shownAll(answer ?? [], names[index]));
    const pending = names.filter((_, index) => answers[index] === null);
    if (released.length > 0) return c.json({ released, pending }, 200);
    return pending.length > 0 ? problem(c, 503, "region_unavailable") : problem(c, 404, "penalty_unknown");
  });

function shownAll(entries: readonly ShownEntry[], region = "") {
  return entries.map(({ generation: _, ...entry }) => ({ region, ...entry }));
}

type Shown = ReturnType<typeof shownAll>[number];

function byImportance(a: Shown, b: Shown): number {
  const isBlocked = (one: Shown) => Number(one.state === "blocked");
  return isBlocked(b) - isBlocked(a) || b.sinceMs - a.sinceMs || (a.region + a.key < b.region + b.key ? -1 : 1);
}

/** As the core cuts it: at a character. */
function cutName(principal: string): string {
  const { read } = new TextEncoder().encodeInto(principal, new Uint8Array(REFUSED_PRINCIPAL_SIZE));
  return principal.slice(0, read);
}

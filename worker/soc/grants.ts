import { createRoute, z } from "@hono/zod-openapi";
import { deleteGrant, type GrantRow, insertGrant, MOST_GRANTS, selectGrantsFor } from "../db/grants.ts";
import { limitBody, operatorName, operatorSecurity, requireOperator, requireSameOrigin, SMALL_BODY_BYTES } from "./guards.ts";
import { authenticatorNamed, bytesOf, changeSchema, lineSchema, nameSchema, tellRegions } from "./overlay-change.ts";
import { grantSchema } from "./overlay-schema.ts";
import { problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";

const PATH = "/_picket/api/v1/grants";
/** What the core holds of a grant (wasm/abi.ts, MAX_GRANT_TEXT). */
const MOST_TEXT_BYTES = 288;
/** A grant that outlives a year is no exception any more: it belongs into the credential. */
const LONGEST_MS = 366 * 86_400_000;
const instant = z.int().min(1).max(8_640_000_000_000_000);
/** RFC 6749 §3.3. */
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: "this is no scope" });

const requestSchema = z
  .strictObject({
    principal: lineSchema(255),
    authenticator: nameSchema,
    scopes: z.array(scope).min(1).max(16),
    fromMs: instant.optional().openapi({ description: "First instant; without it the present" }),
    untilMs: instant.openapi({ description: "The end, exclusive; at most a year after the beginning" }),
    reason: lineSchema(500),
    approver: lineSchema(200),
  })
  .refine((one) => bytesOf(one.authenticator + one.principal + one.scopes.join(" ")) <= MOST_TEXT_BYTES, {
    path: ["scopes"],
    error: `authenticator, principal and scopes are longer than ${MOST_TEXT_BYTES} bytes together`,
  })
  .openapi("GrantRequest");

const changed = changeSchema.extend({ grant: grantSchema });

const list = createRoute({
  method: "get",
  path: PATH,
  summary: "Grants that have not ended, and those that ended in the last day",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  responses: {
    200: {
      description: "The one that ends last first",
      content: { "application/json": { schema: z.object({ most: z.int(), grants: z.array(grantSchema) }) } },
    },
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

const give = createRoute({
  method: "post",
  path: PATH,
  summary: "Give a principal scopes for a time",
  security: operatorSecurity,
  middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireOperator] as const,
  request: { body: { required: true, content: { "application/json": { schema: requestSchema } } } },
  responses: {
    200: { description: "It was granted already", content: { "application/json": { schema: changed } } },
    201: { description: "Granted", content: { "application/json": { schema: changed } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    409: problemAnswer("grants_full"),
    413: problemAnswer("body_too_large"),
    422: problemAnswer("authenticator_unknown"),
  },
});

const takeBack = createRoute({
  method: "delete",
  path: `${PATH}/{id}`,
  summary: "Take a grant back before it ends",
  security: operatorSecurity,
  middleware: [requireSameOrigin, requireOperator] as const,
  request: { params: z.object({ id: z.coerce.number().int().min(1) }) },
  responses: {
    200: { description: "Taken back", content: { "application/json": { schema: changeSchema } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    404: problemAnswer("grant_unknown"),
  },
});

export const grants = createRouter()
  .openapi(list, async (c) => {
    const { results } = await selectGrantsFor(c.env.DB, c.get("nowMs")).all<GrantRow>();
    return c.json({ most: MOST_GRANTS, grants: results.map(shownGrant) }, 200);
  })
  .openapi(give, async (c) => {
    const nowMs = c.get("nowMs");
    const { scopes, fromMs = nowMs, ...asked } = c.req.valid("json");
    if (asked.untilMs <= Math.max(fromMs, nowMs) || asked.untilMs - fromMs > LONGEST_MS) {
      return problem(c, 400, "request_invalid", [untilProblem]);
    }
    if ((await authenticatorNamed(c.env.DB, asked.authenticator)) === null) return problem(c, 422, "authenticator_unknown");
    const unique = [...new Set(scopes)].sort().join(" ");
    const one = { ...asked, scopes: unique, fromMs, who: await operatorName(c), madeMs: nowMs };
    const granted = await insertGrant(c.env.DB, one);
    if (granted.state === "full") return problem(c, 409, "grants_full");
    const pending = await tellRegions(c.env, granted.generation);
    const answer = { grant: shownGrant(granted.row), generation: granted.generation, pending };
    return c.json(answer, granted.state === "made" ? 201 : 200);
  })
  .openapi(takeBack, async (c) => {
    const generation = await deleteGrant(c.env.DB, c.req.valid("param").id, c.get("nowMs"));
    if (generation === null) return problem(c, 404, "grant_unknown");
    return c.json({ generation, pending: await tellRegions(c.env, generation) }, 200);
  });

const untilProblem = {
  path: "json.untilMs",
  expected: "an instant to come, after fromMs and at most a year after it",
  found: "(hidden)",
  message: "this instant cannot be",
  line: null,
};

export function shownGrant({ scopes, ...row }: GrantRow) {
  return { ...row, scopes: scopes.split(" ") };
}

import { createRoute, z } from "@hono/zod-openapi";
import { storedIds } from "../db/api-keys.ts";
import {
  deleteRevocation,
  FOREVER_MS,
  insertRevocation,
  MOST_REVOCATIONS,
  type RevocationRow,
  selectLiveRevocations,
} from "../db/revocations.ts";
import { limitBody, operatorName, operatorSecurity, requireOperator, requireSameOrigin, SMALL_BODY_BYTES } from "./guards.ts";
import { type Authenticator, authenticatorNamed, changeSchema, lineSchema, nameSchema, tellRegions } from "./overlay-change.ts";
import { revocationSchema } from "./overlay-schema.ts";
import { policyHasKey } from "./policy-key.ts";
import { type ProblemCode, problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";

const PATH = "/_picket/api/v1/revocations";
const instant = z.int().min(1).max(FOREVER_MS);

const requestSchema = z
  .strictObject({
    kind: z.enum(["token", "principal", "credential", "issuer"]),
    authenticator: nameSchema,
    subject: lineSchema(255)
      .optional()
      .openapi({ description: "Token id (jti), principal, or API key's id; none for the kind issuer" }),
    beforeMs: instant.optional().openapi({
      description: "Only what was issued before (iat); for an issuer the present when it is left out. Tokens without iat count",
    }),
    expiresMs: instant.optional().openapi({ description: "When it ends; without it never" }),
    reason: lineSchema(500),
  })
  .refine((one) => (one.kind === "issuer") === (one.subject === undefined), {
    path: ["subject"],
    error: "needed, except with the kind issuer, which has none",
  })
  .refine((one) => one.beforeMs === undefined || one.kind === "issuer" || one.kind === "principal", {
    path: ["beforeMs"],
    error: "only with the kinds issuer and principal",
  })
  .openapi("RevocationRequest");

const changed = changeSchema.extend({ revocation: revocationSchema });

const list = createRoute({
  method: "get",
  path: PATH,
  summary: "What is revoked",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  responses: {
    200: {
      description: "All that are in force",
      content: { "application/json": { schema: z.object({ most: z.int(), revocations: z.array(revocationSchema) }) } },
    },
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

const revoke = createRoute({
  method: "post",
  path: PATH,
  summary: "Revoke a token, a principal, an API key, or what an authenticator's issuer issued before an instant",
  security: operatorSecurity,
  middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireOperator] as const,
  request: { body: { required: true, content: { "application/json": { schema: requestSchema } } } },
  responses: {
    200: { description: "It was revoked already", content: { "application/json": { schema: changed } } },
    201: { description: "Revoked, or more widely than before", content: { "application/json": { schema: changed } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    409: problemAnswer("revocations_full"),
    413: problemAnswer("body_too_large"),
    422: problemAnswer("authenticator_unknown, credential_unknown, revocation_mismatch"),
  },
});

const lift = createRoute({
  method: "delete",
  path: `${PATH}/{id}`,
  summary: "Lift a revocation",
  security: operatorSecurity,
  middleware: [requireSameOrigin, requireOperator] as const,
  request: { params: z.object({ id: z.coerce.number().int().min(1) }) },
  responses: {
    200: { description: "Lifted", content: { "application/json": { schema: changeSchema } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    404: problemAnswer("revocation_unknown"),
  },
});

export const revocations = createRouter()
  .openapi(list, async (c) => {
    const { results } = await selectLiveRevocations(c.env.DB, c.get("nowMs")).all<RevocationRow>();
    return c.json({ most: MOST_REVOCATIONS, revocations: results.map(shownRevocation) }, 200);
  })
  .openapi(revoke, async (c) => {
    const nowMs = c.get("nowMs");
    const { kind, authenticator, subject = "", beforeMs, expiresMs = FOREVER_MS, reason } = c.req.valid("json");
    if (expiresMs <= nowMs || (beforeMs ?? 0) > nowMs)
      return problem(c, 400, "request_invalid", [timeProblem(expiresMs <= nowMs)]);
    const known = await authenticatorNamed(c.env.DB, authenticator);
    if (known === null) return problem(c, 422, "authenticator_unknown");
    const mismatch = await mismatchOf(c.env.DB, known, kind, subject, nowMs);
    if (mismatch !== null) return problem(c, 422, mismatch);
    const before = beforeMs ?? (kind === "issuer" ? nowMs : FOREVER_MS);
    const who = await operatorName(c);
    const one = { kind, authenticator, subject, beforeMs: before, expiresMs, reason, who, madeMs: nowMs };
    const revoked = await insertRevocation(c.env.DB, one);
    if (revoked.state === "full") return problem(c, 409, "revocations_full");
    // Also when nothing changed: a region that was away when it did may be told now.
    const pending = await tellRegions(c.env, revoked.generation);
    const answer = { revocation: shownRevocation(revoked.row), generation: revoked.generation, pending };
    return c.json(answer, revoked.state === "made" ? 201 : 200);
  })
  .openapi(lift, async (c) => {
    const generation = await deleteRevocation(c.env.DB, c.req.valid("param").id, c.get("nowMs"));
    if (generation === null) return problem(c, 404, "revocation_unknown");
    return c.json({ generation, pending: await tellRegions(c.env, generation) }, 200);
  });

export function shownRevocation({ beforeMs, expiresMs, ...row }: RevocationRow) {
  const known = (ms: number) => (ms >= FOREVER_MS ? null : ms);
  return { ...row, beforeMs: known(beforeMs), expiresMs: known(expiresMs) };
}

/** What would revoke nothing is an error: a slip of the pen must not look like a revocation. Principals and token ids are nowhere listed. */
async function mismatchOf(
  db: D1Database,
  authenticator: Authenticator,
  kind: RevocationRow["kind"],
  subject: string,
  nowMs: number,
): Promise<Extract<ProblemCode, "revocation_mismatch" | "credential_unknown"> | null> {
  const takesKeys = authenticator.type === "api-key";
  if (kind === "principal") return null;
  if ((kind === "credential") !== takesKeys) return "revocation_mismatch";
  return kind === "credential" && !(await hasKey(db, authenticator.name, subject, nowMs)) ? "credential_unknown" : null;
}

/** In the policy, or in D1. */
async function hasKey(db: D1Database, name: string, id: string, nowMs: number): Promise<boolean> {
  return (await storedIds(db, name, [id])).length > 0 || policyHasKey(db, name, id, nowMs);
}

function timeProblem(isExpiry: boolean) {
  const path = isExpiry ? "json.expiresMs" : "json.beforeMs";
  const expected = isExpiry ? "an instant to come" : "an instant that has come: nothing was issued after it";
  return { path, expected, found: "(hidden)", message: "this instant cannot be", line: null };
}

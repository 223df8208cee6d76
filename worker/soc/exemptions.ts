import { createRoute, z } from "@hono/zod-openapi";
import { type ExemptionRow, endExemption, insertExemption, MOST_EXEMPTIONS, selectExemptions } from "../db/exemptions.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import { readExemptNetwork } from "../policy/exempt-network.ts";
import { nameHash } from "../policy/lower-limits.ts";
import { limitBody, operatorName, operatorSecurity, requireOperator, requireSameOrigin, SMALL_BODY_BYTES } from "./guards.ts";
import { changeSchema, lineSchema, nameSchema, newestMeta, tellRegions } from "./overlay-change.ts";
import { exemptionSchema } from "./overlay-schema.ts";
import { problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";

const PATH = "/_picket/api/v1/exemptions";
/** An exemption that outlives a year is no exception any more: it belongs into the policy. */
const LONGEST_MS = 366 * 86_400_000;

const requestSchema = z
  .strictObject({
    principal: lineSchema(255).optional(),
    authenticator: nameSchema.optional(),
    address: z.string().max(49).optional().openapi({ description: "An address or a network: 203.0.113.0/24, 2001:db8::/32" }),
    limit: z.string().min(1).max(63).optional().openapi({ description: "A limit's name; without it every limit" }),
    untilMs: z.int().min(1).max(8_640_000_000_000_000).openapi({ description: "The end, exclusive; at most 366 days from now" }),
    reason: lineSchema(500),
  })
  .refine((one) => isOneSubject(one), {
    path: ["principal"],
    error: "expected a principal and its authenticator, or an address, and not both",
  })
  .openapi("ExemptionRequest");

function isOneSubject({ principal, authenticator, address }: { principal?: string; authenticator?: string; address?: string }) {
  if (address !== undefined) return principal === undefined && authenticator === undefined;
  return principal !== undefined && authenticator !== undefined;
}

const changed = changeSchema.extend({ exemption: exemptionSchema });

const list = createRoute({
  method: "get",
  path: PATH,
  summary: "Exemptions from limits that are in force, and those that ended in the last 30 days: 1000 at most",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  responses: {
    200: {
      description: "Those in force first, the one that ends last before the others",
      content: { "application/json": { schema: z.object({ most: z.int(), exemptions: z.array(exemptionSchema) }) } },
    },
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

const make = createRoute({
  method: "post",
  path: PATH,
  summary: "Exempt a principal, or whoever calls from an address or a network, from one limit or from all, for a time",
  security: operatorSecurity,
  middleware: [requireSameOrigin, limitBody(SMALL_BODY_BYTES), requireOperator] as const,
  request: { body: { required: true, content: { "application/json": { schema: requestSchema } } } },
  responses: {
    200: { description: "It was exempt already", content: { "application/json": { schema: changed } } },
    201: { description: "Exempt", content: { "application/json": { schema: changed } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    409: problemAnswer("exemptions_full"),
    413: problemAnswer("body_too_large"),
    422: problemAnswer("authenticator_unknown, limit_unknown, network_too_wide"),
  },
});

const end = createRoute({
  method: "delete",
  path: `${PATH}/{id}`,
  summary: "End an exemption before its time; the list shows it on",
  security: operatorSecurity,
  middleware: [requireSameOrigin, requireOperator] as const,
  request: { params: z.object({ id: z.coerce.number().int().min(1) }) },
  responses: {
    200: { description: "Ended", content: { "application/json": { schema: changeSchema } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    404: problemAnswer("exemption_unknown"),
  },
});

export const exemptions = createRouter()
  .openapi(list, async (c) => {
    const { results } = await selectExemptions(c.env.DB, c.get("nowMs")).all<ExemptionRow>();
    return c.json({ most: MOST_EXEMPTIONS, exemptions: results.map(shownExemption) }, 200);
  })
  .openapi(make, async (c) => {
    const nowMs = c.get("nowMs");
    const { principal = "", authenticator = "", address, limit = "", untilMs, reason } = c.req.valid("json");
    const who = await operatorName(c);
    if (untilMs <= nowMs || untilMs - nowMs > LONGEST_MS) return problem(c, 400, "request_invalid", [untilProblem]);
    const network = address === undefined ? null : readExemptNetwork(address);
    if (network?.ok === false) {
      const { code, expected, message } = network;
      const said = [{ path: "json.address", expected, found: "(hidden)", message, line: null, code }];
      return code === "network_too_wide" ? problem(c, 422, code, said) : problem(c, 400, "request_invalid", said);
    }
    const unknown = unknownName(await newestMeta(c.env.DB), authenticator, limit);
    if (unknown !== null) return problem(c, 422, unknown);
    const { text: subject, hex } = network?.value ?? { text: principal, hex: "" };
    const limitHash = limit === "" ? "" : nameHash(limit).toString(16).padStart(16, "0");
    const one = { authenticator, subject, network: hex, limit, limitHash, untilMs, reason, who, madeMs: nowMs };
    const exempted = await insertExemption(c.env.DB, one);
    if (exempted.state === "full") return problem(c, 409, "exemptions_full");
    const pending = await tellRegions(c.env, exempted.generation);
    const answer = { exemption: shownExemption(exempted.row), generation: exempted.generation, pending };
    return c.json(answer, exempted.state === "made" ? 201 : 200);
  })
  .openapi(end, async (c) => {
    const nowMs = c.get("nowMs");
    const generation = await endExemption(c.env.DB, c.req.valid("param").id, await operatorName(c), nowMs);
    if (generation === null) return problem(c, 404, "exemption_unknown");
    return c.json({ generation, pending: await tellRegions(c.env, generation) }, 200);
  });

/** What the policy does not know; "" = none is named. */
function unknownName(meta: PolicyMeta | null, authenticator: string, limit: string) {
  const isIn = (list: readonly { name: string }[] = [], name: string) => name === "" || list.some((one) => one.name === name);
  if (!isIn(meta?.authenticators, authenticator)) return "authenticator_unknown";
  return isIn(meta?.limits, limit) ? null : "limit_unknown";
}

const untilProblem = {
  path: "json.untilMs",
  expected: "an instant to come, at most 366 days from now",
  found: "(hidden)",
  message: "this instant cannot be",
  line: null,
};

function shownExemption({ network, limitHash: _, authenticator, subject, limit, ...row }: ExemptionRow) {
  const isNetwork = network !== "";
  return {
    ...row,
    principal: isNetwork ? null : subject,
    authenticator: isNetwork ? null : authenticator,
    address: isNetwork ? subject : null,
    limit: limit === "" ? null : limit,
  };
}

import { createRoute, z } from "@hono/zod-openapi";
import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import { limitBody, requireAdmin, requireSameOrigin, requireSession } from "./guards.ts";
import { problem, problemAnswer } from "./problem.ts";
import { publishPolicy } from "./publish-policy.ts";
import { createRouter } from "./router.ts";

const MAX_POLICY_BYTES = 1_048_576;
const version = z.object({ version: z.int() });

const current = createRoute({
  method: "get",
  path: "/_picket/api/v1/policies/current",
  summary: "Which policy is in force",
  security: [{ session: [] }],
  middleware: [requireSession] as const,
  responses: {
    200: {
      description: "The newest version; its digest tells policies apart and reveals nothing of them",
      content: { "application/json": { schema: version.extend({ publishedMs: z.number(), digest: z.string() }) } },
    },
    401: problemAnswer("session_missing"),
    404: problemAnswer("policy_missing"),
  },
});

const publish = createRoute({
  method: "post",
  path: "/_picket/api/v1/policies",
  summary: "Publish a policy: the body is its YAML or JSON text",
  security: [{ admin: [] }],
  middleware: [requireSameOrigin, requireAdmin, limitBody(MAX_POLICY_BYTES)] as const,
  request: { body: { required: true, content: { "application/yaml": { schema: z.string() } } } },
  responses: {
    200: { description: "It is in force already", content: { "application/json": { schema: version } } },
    201: { description: "Published as this version", content: { "application/json": { schema: version } } },
    401: problemAnswer("admin_token_invalid"),
    403: problemAnswer("origin_mismatch"),
    409: problemAnswer("policy_contended"),
    413: problemAnswer("body_too_large"),
    422: problemAnswer("policy_invalid: every problem at once"),
  },
});

export const policies = createRouter()
  .openapi(current, async (c) => {
    const policy = await selectNewestPolicy(c.env.DB).first<PolicyRow>();
    if (!policy) return problem(c, 404, "policy_missing");
    return c.json({ version: policy.version, publishedMs: policy.publishedMs, digest: policy.digest }, 200);
  })
  .openapi(publish, async (c) => {
    const published = await publishPolicy(c.env, await c.req.text(), c.get("nowMs"));
    if (published.state === "invalid") return problem(c, 422, "policy_invalid", published.problems);
    if (published.state === "contended") return problem(c, 409, "policy_contended");
    return c.json({ version: published.version }, published.state === "published" ? 201 : 200);
  });

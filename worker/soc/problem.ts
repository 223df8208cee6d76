import { z } from "@hono/zod-openapi";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { SocContext } from "./soc-env.ts";

/** Every code of the console's API, with its title. Stable: scripts rely on the codes. */
const titles = {
  admin_token_invalid: "The administrator's token is missing or wrong",
  api_key_contended: "The API key was changed at the same time; try again",
  api_key_ended: "The API key has ended: make another one",
  api_key_exists: "The authenticator has a key of that id already: reroll that one",
  api_key_unknown: "There is no such API key",
  api_keys_full: "As many API keys are kept as there may be",
  authenticator_without_store: "The policy does not keep API keys here for that authenticator: it does not say stored: true",
  authenticator_unknown: "The policy in force has no such authenticator",
  body_too_large: "The request's body is too large",
  credential_unknown: "The authenticator has no API key of that id",
  device_unknown: "No such device is registered or was ever seen",
  devices_full: "As many devices are registered as there may be",
  environment_mismatch: "The authenticator takes keys of another environment",
  exemption_unknown: "There is no such exemption in force",
  exemptions_full: "As many exemptions are in force, or were in the last month, as there may be: end some",
  grant_unknown: "There is no such grant",
  grants_full: "As many grants are open as there may be: take some back",
  internal_error: "The request could not be handled",
  limit_unknown: "The policy in force has no such limit",
  network_too_wide: "The network is so wide that the limits would hold nobody",
  not_found: "There is nothing at this address",
  origin_mismatch: "The request comes from another site",
  overview_busy: "The regions wrote faster than the overview could read; ask again",
  penalty_unknown: "Nobody of that key or name is blocked under that limit",
  policy_invalid: "The policy has problems",
  policy_missing: "No policy was published yet",
  policy_contended: "Other policies were published at the same time; try again",
  principal_unknown: "No caller of that name was seen",
  revocation_mismatch: "The authenticator does not take that kind of credential",
  revocation_unknown: "There is no such revocation",
  revocations_full:
    "As many revocations are in force, and devices refused, as there may be: revoke everything issued before an instant instead (kind issuer)",
  region_unknown: "There is no such region",
  region_unavailable: "The region does not answer",
  request_invalid: "The request is not what the API's description says",
  role_unknown: "The policy in force has no such role",
  session_missing: "Sign in first",
  sign_in_link_invalid: "The sign-in link is unknown, used or expired",
  storage_unavailable: "The database does not answer",
  websocket_required: "This address speaks WebSocket only",
} as const;

export type ProblemCode = keyof typeof titles;

/** RFC 9457 problem details; `code` is stable, `type` is its URN. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    request_id: z.string(),
    problems: z
      .array(
        z.object({
          path: z.string(),
          expected: z.string(),
          found: z.string(),
          message: z.string(),
          line: z.int().nullable(),
          code: z.string().optional(),
        }),
      )
      .optional(),
  })
  .openapi("Problem");

type Problem = z.infer<typeof problemSchema>;

/** Answers with a problem; its `type` member is of this API (a URN: there is no page to fetch). */
export function problem<Status extends ContentfulStatusCode>(
  c: SocContext,
  status: Status,
  code: ProblemCode,
  problems?: Problem["problems"],
) {
  const body: Problem = {
    type: `urn:picket:problem:${code}`,
    title: titles[code],
    status,
    code,
    request_id: c.get("requestId"),
    ...(problems && { problems }),
  };
  return c.json(body, status, { "Content-Type": "application/problem+json" });
}

/** How a route's description says that it may answer with a problem. */
export function problemAnswer(description: string) {
  return { description, content: { "application/problem+json": { schema: problemSchema } } };
}

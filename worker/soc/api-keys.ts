import type { z } from "@hono/zod-openapi";
import { changeApiKey } from "../db/api-key-changes.ts";
import { type ApiKey, insertApiKey, listApiKeys, MOST_API_KEYS, selectApiKey } from "../db/api-keys.ts";
import { makeKey } from "../policy/key-format.ts";
import { type Change, disabled, enabled, expired, hasEnded, LEAST_NOTICE_MS, rerolled } from "./api-key-changes.ts";
import { disable, enable, expire, list, make, reroll } from "./api-key-routes.ts";
import { type changedSchema, type keyParams, type newKeySchema, shown } from "./api-key-schema.ts";
import { operatorName } from "./guards.ts";
import { newestMeta, tellRegions } from "./overlay-change.ts";
import { policyHasKey } from "./policy-key.ts";
import { type ProblemCode, problem } from "./problem.ts";
import { createRouter } from "./router.ts";
import { tokenHash } from "./secret-token.ts";
import type { SocContext } from "./soc-env.ts";

/** Where nothing is said. */
const ENVIRONMENT = "live";

export const apiKeys = createRouter()
  .openapi(list, async (c) => {
    const { authenticator = "", after = "", limit } = c.req.valid("query");
    const [name = "", id = ""] = after.split(" ");
    const found = await listApiKeys(c.env.DB, authenticator, { authenticator: name, id }, limit);
    const last = found.length === limit ? found.at(-1) : undefined;
    const next = last === undefined ? null : `${last.authenticator} ${last.id}`;
    return c.json({ most: MOST_API_KEYS, apiKeys: found.map(shown), next }, 200);
  })
  .openapi(make, async (c) => {
    const nowMs = c.get("nowMs");
    const asked = c.req.valid("json");
    const { authenticator, id, kind, owner = "", addresses, expiresMs = null, reason } = asked;
    if (expiresMs !== null && expiresMs <= nowMs) return problem(c, 400, "request_invalid", [endProblem("an instant to come")]);
    const place = await placeFor(c.env.DB, asked);
    if (typeof place === "string") return problem(c, 422, place);
    if (await policyHasKey(c.env.DB, authenticator, id, nowMs)) return problem(c, 409, "api_key_exists");
    const key = makeKey(place.environment, random);
    const row: ApiKey = {
      ...{ authenticator, id, kind, owner, addresses, expiresMs, reason, sha256: await tokenHash(key) },
      ...{
        environment: place.environment,
        scopes: [...new Set(asked.scopes)].sort().join(" "),
        roles: [...new Set(asked.roles)],
      },
      ...{ createdMs: nowMs, madeMs: nowMs, changedMs: nowMs, disabledMs: null, who: await operatorName(c), version: 1 },
      ...{ previousSha256: null, previousMadeMs: null, previousUntilMs: null },
    };
    if (!(await insertApiKey(c.env.DB, row))) {
      const isTaken = (await selectApiKey(c.env.DB, authenticator, id)) !== null;
      return problem(c, 409, isTaken ? "api_key_exists" : "api_keys_full");
    }
    return c.json({ key, apiKey: shown({ ...row, lastUsedMs: null }) }, 201, secretAnswer);
  })
  .openapi(reroll, async (c) => {
    const { graceMs, reason } = c.req.valid("json");
    let key = "";
    const done = await apply(c, c.req.valid("param"), reason, async (row) => {
      key = makeKey(row.environment, random);
      return rerolled(row, await tokenHash(key), graceMs, c.get("nowMs"));
    });
    return done.ok ? c.json({ ...done.answer, key }, 201, secretAnswer) : problem(c, done.status, done.code);
  })
  .openapi(disable, async (c) => {
    const nowMs = c.get("nowMs");
    const { reason } = c.req.valid("json");
    const done = await apply(c, c.req.valid("param"), reason, (row) => (row.disabledMs === null ? disabled(row, nowMs) : null));
    return done.ok ? c.json(done.answer, 200) : problem(c, done.status, done.code);
  })
  .openapi(enable, async (c) => {
    const nowMs = c.get("nowMs");
    const { reason } = c.req.valid("json");
    const done = await apply(c, c.req.valid("param"), reason, (row) => (row.disabledMs === null ? null : enabled(row, nowMs)));
    return done.ok ? c.json(done.answer, 200) : problem(c, done.status, done.code);
  })
  .openapi(expire, async (c) => {
    const nowMs = c.get("nowMs");
    const { expiresMs = nowMs, reason } = c.req.valid("json");
    if (expiresMs !== nowMs && expiresMs < nowMs + LEAST_NOTICE_MS) {
      return problem(c, 400, "request_invalid", [endProblem(`an instant at least ${LEAST_NOTICE_MS} ms ahead, or none`)]);
    }
    const done = await apply(c, c.req.valid("param"), reason, (row) =>
      row.expiresMs !== null && row.expiresMs <= expiresMs ? null : expired(row, expiresMs, nowMs),
    );
    return done.ok ? c.json(done.answer, 200) : problem(c, done.status, done.code);
  });

/** A key in an answer must not stay in any cache. */
const secretAnswer = { "Cache-Control": "no-store" };
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

type Applied =
  | { ok: true; answer: z.infer<typeof changedSchema> }
  | {
      ok: false;
      status: 404 | 409;
      code: Extract<ProblemCode, "api_key_unknown" | "api_key_ended" | "api_key_contended" | "revocations_full">;
    };

/** Changes a key. `next` null: it is so already, and the regions are told once more. */
async function apply(
  c: SocContext,
  { authenticator, id }: z.infer<typeof keyParams>,
  reason: string,
  next: (key: ApiKey) => Change | null | Promise<Change>,
): Promise<Applied> {
  const { DB } = c.env;
  const nowMs = c.get("nowMs");
  const before = await selectApiKey(DB, authenticator, id);
  if (before === null) return { ok: false, status: 404, code: "api_key_unknown" };
  if (hasEnded(before, nowMs)) return { ok: false, status: 409, code: "api_key_ended" };
  const change = await next(before);
  const after = { ...(change?.after ?? before) };
  if (change !== null) Object.assign(after, { who: await operatorName(c), reason, changedMs: nowMs });
  const changed = await changeApiKey(DB, before, after, change?.atOnce ?? null);
  if (changed.state !== "changed") {
    return { ok: false, status: 409, code: changed.state === "full" ? "revocations_full" : "api_key_contended" };
  }
  const { generation } = changed;
  const pending = await tellRegions(c.env, generation);
  return { ok: true, answer: { generation, pending, apiKey: shown({ ...after, lastUsedMs: before.lastUsedMs }) } };
}

/** Where the key is to live, or why it cannot. */
async function placeFor(
  db: D1Database,
  { authenticator: name, environment, roles }: z.infer<typeof newKeySchema>,
): Promise<
  | { environment: string }
  | Extract<ProblemCode, "authenticator_unknown" | "authenticator_without_store" | "environment_mismatch" | "role_unknown">
> {
  const meta = await newestMeta(db);
  const authenticator = meta?.authenticators.find((one) => one.name === name);
  if (!meta || !authenticator) return "authenticator_unknown";
  if (!authenticator.store) return "authenticator_without_store";
  const pinned = authenticator.store.environment;
  if (pinned !== null && environment !== undefined && environment !== pinned) return "environment_mismatch";
  if (!roles.every((role) => meta.roles.some(({ name: known }) => known === role))) return "role_unknown";
  return { environment: pinned ?? environment ?? ENVIRONMENT };
}

function endProblem(expected: string) {
  return { path: "json.expiresMs", expected, found: "(hidden)", message: "this instant cannot be", line: null };
}

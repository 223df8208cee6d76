import { createRoute, z } from "@hono/zod-openapi";
import { type GrantRow, selectGrantsOf } from "../db/grants.ts";
import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import type { PrincipalPlaceRow, PrincipalRow } from "../db/principal-rows.ts";
import { selectPlacesOf, selectPrincipal } from "../db/principals-read.ts";
import { type RevocationRow, selectRevocationsOf } from "../db/revocations.ts";
import { shownGrant } from "./grants.ts";
import { operatorSecurity, requireOperator } from "./guards.ts";
import { countDistinct } from "./linear-counting.ts";
import { principalSchema } from "./principal-schema.ts";
import { summaryOf } from "./principals.ts";
import { type JudgedCaller, judge } from "./principals-scan.ts";
import { windowQuery } from "./principals-schema.ts";
import { type PrivilegePolicy, readPrivilegePolicy } from "./privilege-policy.ts";
import { DAY_MS } from "./privilege-thresholds.ts";
import { holdingsOf, metaOf, unusedOf } from "./privileges.ts";
import { problem, problemAnswer } from "./problem.ts";
import { shownRevocation } from "./revocations.ts";
import { createRouter } from "./router.ts";
import { scopeUses } from "./scope-uses.ts";

/** The places of a caller that are shown: the newest. */
const MOST_PLACES = 200;

const route = createRoute({
  method: "get",
  path: "/_picket/api/v1/principal",
  summary: "One caller whole. It is named in the query: a principal may be `..` or hold slashes, which no path carries unharmed",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query: z.object({ authenticator: z.string().max(63), principal: z.string().max(1024), ...windowQuery }) },
  responses: {
    200: { description: "The caller", content: { "application/json": { schema: principalSchema } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
    404: problemAnswer("principal_unknown"),
  },
});

export const principal = createRouter().openapi(route, async (c) => {
  const { authenticator, principal, days, requests } = c.req.valid("query");
  const nowMs = c.get("nowMs");
  const db = c.env.DB.withSession("first-unconstrained");
  const [policies, found, places, grants] = await db.batch([
    selectNewestPolicy(db),
    selectPrincipal(db, authenticator, principal, nowMs),
    selectPlacesOf(db, authenticator, principal, MOST_PLACES),
    selectGrantsOf(db, { authenticator, principal }, nowMs),
  ]);
  const row = found?.results[0] as PrincipalRow | undefined;
  if (row === undefined) return problem(c, 404, "principal_unknown");
  const policy = readPrivilegePolicy((policies?.results[0] as PolicyRow | undefined)?.meta ?? null);
  const window = { days, requests };
  const [judged] = await judge(db, [row], policy, window, nowMs);
  const { results: revocations } = await selectRevocationsOf(db, row, nowMs).all<RevocationRow>();
  const given = (grants?.results ?? []) as GrantRow[];
  return c.json(
    {
      ...describe(judged as JudgedCaller, policy, given, nowMs),
      places: (places?.results ?? []) as PrincipalPlaceRow[],
      window,
      revocations: revocations.map(shownRevocation),
      grants: given.map(shownGrant),
    },
    200,
  );
});

function describe(judged: JudgedCaller, policy: PrivilegePolicy, grants: readonly GrantRow[], nowMs: number) {
  const { row, watch, findings } = judged;
  const unused = unusedOf(judged, policy);
  const { value, low, high } = countDistinct(row.addressLow, row.addressHigh);
  return {
    ...summaryOf(judged, policy),
    generatedMs: nowMs,
    policyVersion: policy.version,
    newest: {
      name: row.credential,
      type: policy.authenticators.get(row.authenticator)?.type ?? null,
      issuedMs: row.issuedMs,
      expiresMs: row.expiresMs,
      lifetimeMs: row.lifetimeMs,
      firmware: row.firmware,
      isEndless: row.endless === 1,
    },
    scopes: scopeUses(judged, policy, grants, nowMs),
    roles: holdingsOf(judged, policy).roles.map((role) => ({
      role,
      scopes: [...(policy.roles.get(role) ?? [])],
      isNeeded: !unused.roles.includes(role),
    })),
    operations: judged.operations.map((one) => {
      const { service, method, operation, allowed, refused, firstMs, lastMs } = one;
      const meta = metaOf(one, policy);
      const scopes = meta?.scopes ?? [];
      return { service, method, operation, allowed, refused, firstMs, lastMs, scopes, isListed: meta !== undefined };
    }),
    addresses: {
      day: new Date(row.addressDay * DAY_MS).toISOString().slice(0, 10),
      isToday: row.addressDay === Math.floor(nowMs / DAY_MS),
      value,
      low,
      high,
    },
    watch,
    findings,
  };
}

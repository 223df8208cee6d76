import { createRoute, z } from "@hono/zod-openapi";
import type { PrincipalOrder } from "../db/principal-rows.ts";
import { csvHeaders, csvText, csvTime } from "../export/csv.ts";
import { operatorSecurity, requireOperator } from "./guards.ts";
import { countDistinct } from "./linear-counting.ts";
import { type JudgedCaller, MOST_SCANNED, readPolicyAndCount, type Scanned, scanPrincipals } from "./principals-scan.ts";
import { type CallerSummary, cursorText, listQuery, pageSchema, readCursor } from "./principals-schema.ts";
import { findingCodes } from "./privilege-findings.ts";
import { ownerOf, type PrivilegePolicy } from "./privilege-policy.ts";
import { problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";
import type { SocContext } from "./soc-env.ts";

const PATH = "/_picket/api/v1/principals";

const list = createRoute({
  method: "get",
  path: PATH,
  summary: "Every authenticated caller, with what is found of it",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query: listQuery },
  responses: {
    200: {
      description: `A page; \`next\` is null on the last. With \`finding\` a request looks through ${MOST_SCANNED} callers at most: a page may then be short and still have a next`,
      content: {
        "application/json": {
          schema: pageSchema,
        },
      },
    },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

const csvQuery = listQuery.omit({ limit: true });

const file = createRoute({
  method: "get",
  path: `${PATH}.csv`,
  summary: `The same as CSV (RFC 4180): ${MOST_SCANNED} callers at most, \`Link: rel="next"\` has the address of the others`,
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query: csvQuery },
  responses: {
    200: { description: "One line a caller", content: { "text/csv": { schema: z.string() } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

export const principals = createRouter()
  .openapi(list, async (c) => {
    const query = c.req.valid("query");
    const read = await readPage(c, query);
    if (read === null) return problem(c, 400, "request_invalid", [cursorProblem]);
    const { policy, matched, scanned, next, found } = read;
    return c.json(
      {
        generatedMs: c.get("nowMs"),
        policyVersion: policy.version,
        authenticators: [...policy.authenticators.keys()],
        matched,
        scanned,
        callers: found.map((one) => summaryOf(one, policy)),
        next: next && cursorText(query.sort, next),
      },
      200,
    );
  })
  .openapi(file, async (c) => {
    const query = c.req.valid("query");
    const read = await readPage(c, { ...query, limit: MOST_SCANNED });
    if (read === null) return problem(c, 400, "request_invalid", [cursorProblem]);
    const url = new URL(c.req.url);
    if (read.next) url.searchParams.set("cursor", cursorText(query.sort, read.next));
    const text = csvText([csvHead, ...read.found.map((one) => csvRow(one, read.policy))]);
    return c.body(text, 200, csvHeaders("principals.csv", read.next && url.pathname + url.search));
  });

export const cursorProblem = {
  path: "query.cursor",
  expected: "`next` of a page under the same sort",
  found: "(hidden)",
  message: "this is no such cursor",
  line: null,
};

interface PageQuery extends z.infer<typeof csvQuery> {
  sort: PrincipalOrder;
  limit: number;
}

interface Page extends Scanned {
  policy: PrivilegePolicy;
  matched: number;
}

/** null when the cursor is none. */
export async function readPage(c: SocContext, query: PageQuery, isWanted = wanted(query.finding)): Promise<Page | null> {
  const { q, kind, authenticator, sort, days, requests, limit: most } = query;
  const cursor = query.cursor === undefined ? null : readCursor(sort, query.cursor);
  if (query.cursor !== undefined && cursor === null) return null;
  const filter = { q, kind, authenticator };
  const db = c.env.DB.withSession("first-unconstrained");
  const { policy, callers } = await readPolicyAndCount(db, filter);
  const scan = { filter, order: sort, cursor, window: { days, requests }, wants: isWanted, most };
  return { policy, matched: callers, ...(await scanPrincipals(db, policy, scan, c.get("nowMs"))) };
}

export function wanted(finding: string): (judged: JudgedCaller) => boolean {
  if (finding === "") return () => true;
  if (finding === "any") return ({ findings }) => findings.length > 0;
  return ({ findings }) => findings.some(({ code }) => code === finding);
}

export function summaryOf({ row, operations, findings }: JudgedCaller, policy: PrivilegePolicy): CallerSummary {
  const { authenticator, principal, kind, credential, firstMs, lastMs } = row;
  const sum = (of: "allowed" | "refused") => operations.reduce((total, one) => total + one[of], 0);
  return {
    authenticator,
    principal,
    kind,
    owner: ownerOf(policy, authenticator, principal),
    credential,
    isRevoked: row.revoked === 1,
    firstMs,
    lastMs,
    allowed: sum("allowed"),
    refused: sum("refused"),
    operations: operations.length,
    findings: findingCodes
      .map((code) => ({ code, count: findings.filter((one) => one.code === code).length }))
      .filter(({ count }) => count > 0),
  };
}

const csvHead = [
  ...["authenticator", "principal", "kind", "owner", "credential", "revoked", "scopes", "roles", "issued", "expires"],
  ...["first_seen", "last_seen", "allowed", "refused", "operations", "addresses_day", "addresses", "findings"],
];

function csvRow(judged: JudgedCaller, policy: PrivilegePolicy) {
  const { row } = judged;
  const { authenticator, principal, kind, owner, credential, isRevoked, allowed, refused, operations, findings } = summaryOf(
    judged,
    policy,
  );
  return [
    ...[authenticator, principal, kind, owner, credential, isRevoked ? "yes" : "no", row.scopes, row.roles],
    ...[csvTime(row.issuedMs), csvTime(row.expiresMs), csvTime(row.firstMs), csvTime(row.lastMs), allowed, refused, operations],
    csvTime(row.addressDay * 86_400_000).slice(0, 10),
    countDistinct(row.addressLow, row.addressHigh).value,
    findings.map(({ code }) => code).join(" "),
  ];
}

import { createRoute, z } from "@hono/zod-openapi";
import { csvHeaders, csvText } from "../export/csv.ts";
import { operatorSecurity, requireOperator } from "./guards.ts";
import { cursorProblem, readPage, wanted } from "./principals.ts";
import { type JudgedCaller, MOST_SCANNED } from "./principals-scan.ts";
import { cursorText, filterQuery, findingSchema, listQuery, watchSchema } from "./principals-schema.ts";
import { findingCodes } from "./privilege-findings.ts";
import { ownerOf, type PrivilegePolicy } from "./privilege-policy.ts";
import { problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";

const PATH = "/_picket/api/v1/least-privilege";
const query = filterQuery.extend({ cursor: listQuery.shape.cursor });
/** By name: a report that is read twice reads alike. */
const sort = "principal";

const callerReport = z.object({
  authenticator: z.string(),
  principal: z.string(),
  kind: z.string(),
  owner: z.string(),
  watch: watchSchema,
  findings: z.array(findingSchema),
});

const reportSchema = z
  .object({
    generatedMs: z.number(),
    policyVersion: z.int(),
    window: z.object({ days: z.int(), requests: z.int() }),
    scanned: z.int(),
    watching: z.int().openapi({ description: "Callers of this page that are not seen for long enough to say what is unused" }),
    counts: z.record(z.string(), z.int()).openapi({ description: "Findings of this page by code" }),
    callers: z.array(callerReport),
    next: z.string().nullable(),
  })
  .openapi("LeastPrivilegeReport");

const answers = {
  400: problemAnswer("request_invalid"),
  401: problemAnswer("session_missing, admin_token_invalid"),
};

const report = createRoute({
  method: "get",
  path: PATH,
  summary: "What callers could do without, and what is wrong with their credentials: every finding with its evidence",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query },
  responses: {
    200: {
      description: `Of ${MOST_SCANNED} callers at most, by name; \`next\` has the others`,
      content: { "application/json": { schema: reportSchema } },
    },
    ...answers,
  },
});

const file = createRoute({
  method: "get",
  path: `${PATH}.csv`,
  summary: 'The same as CSV (RFC 4180), one line a finding; `Link: rel="next"` has the address of the others',
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query },
  responses: {
    200: { description: "One line a finding", content: { "text/csv": { schema: z.string() } } },
    ...answers,
  },
});

export const leastPrivilege = createRouter()
  .openapi(report, async (c) => {
    const asked = c.req.valid("query");
    let watching = 0;
    const count = (judged: JudgedCaller) => {
      if (!judged.watch.isEnough) watching++;
      return isReported(asked.finding, judged);
    };
    const page = await readPage(c, { ...asked, sort, limit: MOST_SCANNED }, count);
    if (page === null) return problem(c, 400, "request_invalid", [cursorProblem]);
    const callers = page.found.map((one) => reportOf(one, page.policy, asked.finding));
    const { days, requests } = asked;
    return c.json(
      {
        generatedMs: c.get("nowMs"),
        policyVersion: page.policy.version,
        window: { days, requests },
        scanned: page.scanned,
        watching,
        counts: countsOf(callers.flatMap(({ findings }) => findings)),
        callers,
        next: page.next && cursorText(sort, page.next),
      },
      200,
    );
  })
  .openapi(file, async (c) => {
    const asked = c.req.valid("query");
    const page = await readPage(c, { ...asked, sort, limit: MOST_SCANNED }, (judged) => isReported(asked.finding, judged));
    if (page === null) return problem(c, 400, "request_invalid", [cursorProblem]);
    const url = new URL(c.req.url);
    if (page.next) url.searchParams.set("cursor", cursorText(sort, page.next));
    const rows = page.found.flatMap((one) => csvRows(reportOf(one, page.policy, asked.finding)));
    return c.body(csvText([csvHead, ...rows]), 200, csvHeaders("least-privilege.csv", page.next && url.pathname + url.search));
  });

const isReported = (finding: string, judged: JudgedCaller) => wanted(finding || "any")(judged);

function reportOf({ row, watch, findings }: JudgedCaller, policy: PrivilegePolicy, finding: string) {
  const { authenticator, principal, kind } = row;
  const asked = finding === "" || finding === "any" ? findings : findings.filter(({ code }) => code === finding);
  return { authenticator, principal, kind, owner: ownerOf(policy, authenticator, principal), watch, findings: asked };
}

function countsOf(findings: readonly { code: string }[]): Record<string, number> {
  const counted = findingCodes.map((code) => [code, findings.filter((one) => one.code === code).length] as const);
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}

const csvHead = ["authenticator", "principal", "kind", "owner", "finding", "subject", "says", "days", "requests", "remedy"];

function csvRows({ authenticator, principal, kind, owner, watch, findings }: ReturnType<typeof reportOf>) {
  return findings.map(({ code, subject, says, remedy }) => [
    ...[authenticator, principal, kind, owner, code, subject, says, watch.days, watch.requests, remedy.text],
  ]);
}

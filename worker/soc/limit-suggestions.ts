import { createRoute } from "@hono/zod-openapi";
import { type PeakCaller, type PeakCell, selectCallersIn, selectPeakCells } from "../db/peaks.ts";
import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import { type RegionRow, selectRegions } from "../db/regions.ts";
import { operatorSecurity, requireOperator } from "./guards.ts";
import { type Basis, type Suggestion, suggestLimit, type Thresholds } from "./limit-suggestion.ts";
import { type LimitSuggestion, MOST_NAMED, suggestionsQuery, suggestionsSchema } from "./limit-suggestions-schema.ts";
import { operationKey, readPrivilegePolicy } from "./privilege-policy.ts";
import { DAY_MS } from "./privilege-thresholds.ts";
import { problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";

/** Cells of one answer: an operation has as many as its callers have different peaks. */
const MOST_CELLS = 20_000;

const route = createRoute({
  method: "get",
  path: "/_picket/api/v1/limits/suggestions",
  summary: "A limit by principal for each operation of the policy in force, from the peaks of its callers",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: { query: suggestionsQuery },
  responses: {
    200: { description: "By service and operation", content: { "application/json": { schema: suggestionsSchema } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

export const limitSuggestions = createRouter().openapi(route, async (c) => {
  const { service, at, days, minDays, minCallers } = c.req.valid("query");
  const nowMs = c.get("nowMs");
  const today = Math.floor(nowMs / DAY_MS);
  const firstDay = today - days;
  const db = c.env.DB.withSession("first-unconstrained");
  const [policies, regions, found] = await db.batch([
    selectNewestPolicy(db),
    selectRegions(db),
    selectPeakCells(db, firstDay, service, MOST_CELLS + 1),
  ]);
  const policy = readPrivilegePolicy((policies?.results[0] as PolicyRow | undefined)?.meta ?? null);
  const { operations, isComplete } = byOperation((found?.results ?? []) as PeakCell[]);
  const judged = operations
    .filter(([{ service, method, operation }]) => policy.operations.has(operationKey(service, method, operation)))
    .map((cells) => judge(cells, today, at, { minDays, minCallers }));
  const above = judged.flatMap(({ cells, suggestion }) => cells.filter((cell) => suggestion?.above.includes(cell)));
  const callers =
    above.length === 0 ? [] : (await selectCallersIn(db, firstDay, service, above, MOST_NAMED).all<PeakCaller>()).results;
  return c.json(
    {
      generatedMs: nowMs,
      policyVersion: policy.version,
      minDays,
      minCallers,
      isComplete,
      requestsUnlisted: ((regions?.results ?? []) as RegionRow[]).reduce((sum, region) => sum + region.peaksUnlisted, 0),
      suggestions: judged.map((one) => shown(one, callers)),
    },
    200,
  );
});

type Cells = [PeakCell, ...PeakCell[]];

/** Whole operations: one that the bound cut in two is left out. */
function byOperation(cells: readonly PeakCell[]): { operations: Cells[]; isComplete: boolean } {
  const groups = new Map<string, Cells>();
  for (const cell of cells) {
    const key = operationKey(cell.service, cell.method, cell.operation);
    const standing = groups.get(key);
    if (standing) standing.push(cell);
    else groups.set(key, [cell]);
  }
  const operations = [...groups.values()];
  const isComplete = cells.length <= MOST_CELLS;
  return { operations: isComplete ? operations : operations.slice(0, -1), isComplete };
}

interface Judged {
  cells: Cells;
  days: number;
  /** null = all of its callers are left out. */
  suggestion: Suggestion | null;
}

function judge(cells: Cells, today: number, at: Basis, thresholds: Thresholds): Judged {
  const days = today - Math.min(...cells.map(({ firstDay }) => firstDay));
  const peers = cells.filter(({ refused }) => refused === 0);
  return { cells, days, suggestion: peers.length === 0 ? null : suggestLimit(peers, days, at, thresholds) };
}

function shown({ cells, days, suggestion }: Judged, callers: readonly PeakCaller[]): LimitSuggestion {
  const { service, method, operation } = cells[0];
  const peers = cells.filter(({ refused }) => refused === 0);
  const largest = peers.at(-1);
  const limit = suggestion?.limit ?? null;
  return {
    ...{ service, method, operation, days },
    callers: suggestion?.callers ?? 0,
    leftOut: cells.reduce((sum, cell) => sum + (cell.refused === 1 ? cell.callers : 0), 0),
    coversMonth: suggestion?.coversMonth ?? false,
    minute: suggestion?.minute ?? null,
    largest: largest === undefined ? null : { ...nameIn(largest), minute: largest.minute, burst: largest.burst },
    asked: Math.max(0, ...peers.map(({ asked }) => asked)),
    exceedance: suggestion?.exceedance ?? 1,
    state: suggestion?.state ?? "too_few_callers",
    limit: limit && { rate: `${limit.count}/1m`, burst: limit.burst },
    callersAbove: suggestion?.callersAbove ?? 0,
    above: callers
      .filter((one) => one.service === service && one.method === method && one.operation === operation)
      .map(({ authenticator, principal, minute, burst }) => ({ authenticator, principal, minute, burst })),
  };
}

function nameIn({ caller }: PeakCell): { authenticator: string; principal: string } {
  const [authenticator, principal] = JSON.parse(caller) as [string, string];
  return { authenticator, principal };
}

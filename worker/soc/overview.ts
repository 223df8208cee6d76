import { createRoute, z } from "@hono/zod-openapi";
import type { PolicyMeta } from "../policy/compiled.ts";
import type { PendingRows } from "../region/pending.ts";
import { requireSession } from "./guards.ts";
import { distinctPrincipals, refusedPrincipals } from "./overview-principals.ts";
import { type OverviewRange, overviewRange, previousMinutes, rangeNames } from "./overview-range.ts";
import { type OverviewState, readOverview } from "./overview-read.ts";
import { type Overview, overviewSchema } from "./overview-schema.ts";
import { regionSeries } from "./overview-series.ts";
import { countRequests, p95, summarizeOperations, summarizeReasons } from "./overview-summary.ts";
import { problem, problemAnswer } from "./problem.ts";
import { sumAccounts } from "./regions.ts";
import { createRouter } from "./router.ts";

const route = createRoute({
  method: "get",
  path: "/_picket/api/v1/overview",
  summary: "All regions as one picture: counts are exact, estimates say so",
  security: [{ session: [] }],
  middleware: [requireSession] as const,
  request: { query: z.object({ range: z.enum(rangeNames).default("15m") }) },
  responses: {
    200: { description: "The overview", content: { "application/json": { schema: overviewSchema } } },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing"),
    503: problemAnswer("overview_busy or storage_unavailable"),
  },
});

export const overview = createRouter().openapi(route, async (c) => {
  const range = overviewRange(c.req.valid("query").range, c.get("nowMs"));
  const state = await readOverview(c.env, range);
  return state ? c.json(describe(range, state), 200) : problem(c, 503, "overview_busy");
});

function describe(range: OverviewRange, { stored, names, snapshots }: OverviewState): Overview {
  const unread = unreadRows(range, snapshots);
  const totals = [...stored.totals, ...unread.rollups];
  const latency = [...stored.latency, ...unread.latency];
  const failures = unread.traffic.reduce((sum, row) => sum + (row.statuses[5] ?? 0), stored.upstreamFailures);
  const { name, fromMs, toMs, stepMs } = range;
  return {
    range: { name, fromMs, toMs, stepMs },
    generatedMs: toMs,
    totals: {
      ...countRequests(totals),
      upstreamFailures: failures,
      p95Ms: p95(latency),
      principals: distinctPrincipals(stored.frequencies, unread.samples),
    },
    previous: previousCounts(range, stored.previous, snapshots),
    regions: names.map((region, index) => {
      const { requests, refused } = countRequests(totals.filter((row) => row.region === region));
      const snapshot = snapshots[index] ?? null;
      const written = stored.regions.filter((row) => row.region === region).map((row) => row.lastReportMs);
      const lastReportMs = Math.max(0, snapshot?.lastReportMs ?? 0, ...written) || null;
      return {
        region,
        requests,
        refused,
        lastReportMs,
        series: regionSeries(range, region, snapshot, stored.steps, unread.rollups),
      };
    }),
    operations: summarizeOperations(totals, latency, ownersOf(stored.policy?.meta)),
    reasons: summarizeReasons(totals),
    principals: refusedPrincipals(stored.refusedParts, unread.samples, totals),
    policy: { version: stored.policy?.version ?? 0, publishedMs: stored.policy?.publishedMs ?? 0 },
    telemetry: sumAccounts(stored.regions, snapshots),
  };
}

/** What the regions hold of this range and D1 did not show. */
function unreadRows(range: OverviewRange, snapshots: OverviewState["snapshots"]): PendingRows {
  const isWithin = ({ minute }: { minute: number }) => minute >= range.fromMinute && minute < range.toMinute;
  const all = snapshots.flatMap((snapshot) => snapshot?.unread ?? []);
  return {
    rollups: all.flatMap((rows) => rows.rollups.filter(isWithin)),
    traffic: all.flatMap((rows) => rows.traffic.filter(isWithin)),
    latency: all.flatMap((rows) => rows.latency.filter(isWithin)),
    samples: all.flatMap((rows) => rows.samples.filter((event) => event.timeMs >= range.fromMs)),
  };
}

/** null where neither D1 nor a region has a row of that time. */
function previousCounts(
  range: OverviewRange,
  stored: { requests: number | null; refused: number | null },
  snapshots: OverviewState["snapshots"],
) {
  const { fromMinute, toMinute } = previousMinutes(range);
  const unread = snapshots
    .flatMap((snapshot) => snapshot?.unread?.rollups ?? [])
    .filter(({ minute }) => minute >= fromMinute && minute < toMinute);
  if (stored.requests === null && unread.length === 0) return null;
  const { requests, refused } = countRequests(unread);
  return { requests: requests + (stored.requests ?? 0), refused: refused + (stored.refused ?? 0) };
}

function ownersOf(meta: string | undefined): Map<string, string> {
  if (meta === undefined) return new Map();
  return new Map((JSON.parse(meta) as PolicyMeta).services.map((service) => [service.name, service.owner]));
}

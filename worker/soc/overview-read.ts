import { type PrincipalFrequencies, type RefusedPart, selectPrincipalFrequencies, selectRefusedParts } from "../db/events.ts";
import { type LatencyTotal, selectLatency } from "../db/latency.ts";
import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import { type RegionRow, selectRegions } from "../db/regions.ts";
import { type RollupStep, type RollupTotal, selectRollupSteps, selectRollupSum, selectRollupTotals } from "../db/rollups.ts";
import { selectUpstreamFailures } from "../db/traffic.ts";
import type { RegionSnapshot } from "../region/region-object.ts";
import { type OverviewRange, previousMinutes } from "./overview-range.ts";
import { askRegions, regionNames } from "./regions.ts";

const PRINCIPALS = 50;
const ATTEMPTS = 3;

/** What D1 says, all of one moment. */
export interface StoredOverview {
  regions: RegionRow[];
  totals: RollupTotal[];
  steps: RollupStep[];
  previous: { requests: number | null; refused: number | null };
  upstreamFailures: number;
  latency: LatencyTotal[];
  refusedParts: RefusedPart[];
  frequencies: PrincipalFrequencies;
  policy: PolicyRow | null;
}

export interface OverviewState {
  stored: StoredOverview;
  names: string[];
  /** By position in `names`; null = does not answer. What they hold and D1 does not show is `unread`. */
  snapshots: (RegionSnapshot | null)[];
}

/**
 * D1 and the regions as one consistent whole: D1 says with its rows which batch of each region was the last, and each region
 * adds what came after. Where a region no longer knows all of that, D1 is read again, at its primary; null after three attempts.
 */
export async function readOverview(env: Env, range: OverviewRange): Promise<OverviewState | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const session = env.DB.withSession(attempt === 0 ? "first-unconstrained" : "first-primary");
    const stored = await readStored(session, range);
    const names = regionNames(env, stored.regions);
    const snapshots = await askRegions(env, names, (region, name) =>
      region.snapshot({ afterSeq: lastSeqs(stored.regions, name), fromMs: range.fromMs, toMs: range.toMs }),
    );
    if (snapshots.every((snapshot) => snapshot === null || snapshot.unread !== null)) return { stored, names, snapshots };
  }
  return null;
}

function lastSeqs(rows: readonly RegionRow[], region: string): Record<string, number> {
  return Object.fromEntries(rows.filter((row) => row.region === region).map((row) => [row.incarnation, row.batchSeq]));
}

async function readStored(db: D1DatabaseSession, range: OverviewRange): Promise<StoredOverview> {
  const { fromMinute, toMinute, fromMs } = range;
  const before = previousMinutes(range);
  const stepMinutes = Math.max(1, range.stepMs / 60_000);
  const [regions, totals, steps, previous, failures, latency, refusedParts, frequencies, policy] = await db.batch([
    selectRegions(db),
    selectRollupTotals(db, fromMinute, toMinute),
    selectRollupSteps(db, fromMinute, toMinute, stepMinutes),
    selectRollupSum(db, before.fromMinute, before.toMinute),
    selectUpstreamFailures(db, fromMinute, toMinute),
    selectLatency(db, fromMinute, toMinute),
    selectRefusedParts(db, fromMs, PRINCIPALS),
    selectPrincipalFrequencies(db, fromMs),
    selectNewestPolicy(db),
  ]);
  const rows = <T>(result: D1Result | undefined) => (result?.results ?? []) as T[];
  return {
    regions: rows(regions),
    totals: rows(totals),
    steps: rows(steps),
    previous: rows<StoredOverview["previous"]>(previous)[0] ?? { requests: null, refused: null },
    upstreamFailures: rows<{ failures: number | null }>(failures)[0]?.failures ?? 0,
    latency: rows(latency),
    refusedParts: rows(refusedParts),
    frequencies: rows<PrincipalFrequencies>(frequencies)[0] ?? { seen: 0, once: 0, twice: 0, sampled: 0 },
    policy: rows<PolicyRow>(policy)[0] ?? null,
  };
}

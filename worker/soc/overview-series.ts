import type { RollupRow, RollupStep } from "../db/rollups.ts";
import type { RegionSnapshot } from "../region/region-object.ts";
import type { OverviewRange } from "./overview-range.ts";

export type SeriesStep = { requests: number; refused: number; shadow: number } | null;

/**
 * One region's series, one item a step, null where it did not report. Short ranges are the region's own pulse; long ones are
 * D1's minutes and what the region has not written yet.
 */
export function regionSeries(
  range: OverviewRange,
  region: string,
  snapshot: RegionSnapshot | null,
  steps: readonly RollupStep[],
  unread: readonly RollupRow[],
): SeriesStep[] {
  if (range.isShort) return snapshot?.steps ?? new Array<SeriesStep>(stepCount(range)).fill(null);
  const series = new Array<SeriesStep>(stepCount(range)).fill(null);
  const add = (index: number, counts: NonNullable<SeriesStep>) => {
    if (index < 0 || index >= series.length) return;
    const sum = series[index] ?? { requests: 0, refused: 0, shadow: 0 };
    sum.requests += counts.requests;
    sum.refused += counts.refused;
    sum.shadow += counts.shadow;
    series[index] = sum;
  };
  for (const step of steps) if (step.region === region) add(step.step, step);
  const stepMinutes = range.stepMs / 60_000;
  for (const { region: owner, minute, verdict, requests } of unread) {
    if (owner !== region) continue;
    const refused = verdict === "refuse" ? requests : 0;
    const shadow = verdict === "shadow" ? requests : 0;
    add(Math.floor((minute - range.fromMinute) / stepMinutes), { requests, refused, shadow });
  }
  return series;
}

function stepCount(range: OverviewRange): number {
  return Math.floor(range.toMs / range.stepMs) - Math.floor(range.fromMs / range.stepMs) + 1;
}

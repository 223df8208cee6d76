import type { Overview } from "../api-types.ts";
import type { PulseRing } from "../live/pulse-ring.ts";
import { advanceWindow, type Bars, coveredMs, mergeSeries, sumBars } from "./series.ts";

/** All regions over one window of time: what was stored and what is live, as one. */
export interface Picture {
  regions: { region: string; bars: Bars }[];
  all: Bars;
  coveredMs: number;
}

/** `ringOf` gives a region's live pulse, where its stream has spoken. */
export function drawPicture(overview: Overview, ringOf: (region: string) => PulseRing | undefined): Picture {
  const liveEndMs = Math.max(0, ...overview.regions.map(({ region }) => ringOf(region)?.endMs ?? 0));
  const window = advanceWindow(overview.range, liveEndMs);
  const regions = overview.regions.map(({ region, series }) => ({
    region,
    bars: mergeSeries(window, { fromMs: overview.range.fromMs, series }, ringOf(region)),
  }));
  const all = regions.map(({ bars }) => bars);
  return { regions, all: sumBars(all), coveredMs: coveredMs(all) };
}

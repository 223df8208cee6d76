import type { Overview } from "../api-types.ts";
import type { PulseRing } from "../live/pulse-ring.ts";
import { rangeLengthMs } from "../view/url-state.ts";
import { type Bars, coveredMs, drawnWindow, firstStepMs, mergeSeries, sumBars } from "./series.ts";

/** All regions over one window of time: what was stored and what is live, as one. */
export interface Picture {
  regions: { region: string; bars: Bars }[];
  all: Bars;
  coveredMs: number;
}

/** `ringOf` gives a region's live pulse, where its stream has spoken. */
export function drawPicture(overview: Overview, ringOf: (region: string) => PulseRing | undefined): Picture {
  const { range } = overview;
  const rings = overview.regions.flatMap(({ region }) => ringOf(region) ?? []);
  const steps = Math.max(0, ...overview.regions.map(({ series }) => series.length));
  const window = drawnWindow(range, steps, rangeLengthMs(range), Math.max(0, ...rings.map(({ endMs }) => endMs)));
  const regions = overview.regions.map(({ region, series }) => ({
    region,
    bars: mergeSeries(window, { fromMs: firstStepMs(range), series }, ringOf(region)),
  }));
  const covered = coveredMs(
    range,
    overview.regions.map(({ series }) => series),
    Math.min(...rings.map(({ fromMs }) => fromMs)),
  );
  return { regions, all: sumBars(regions.map(({ bars }) => bars)), coveredMs: covered };
}

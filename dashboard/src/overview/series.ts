import type { Step, TimeRange } from "../api-types.ts";
import { addSteps, type PulseRing } from "../live/pulse-ring.ts";

/** Equal steps of time with what was seen in each; null = no report. */
export interface Bars {
  fromMs: number;
  stepMs: number;
  steps: (Step | null)[];
}

/**
 * The overview's window moved on to the newest live step, by whole steps and by at most its own length, so that the picture
 * flows between two polls and all regions end at the same time.
 */
export function advanceWindow(range: TimeRange, liveEndMs: number): { fromMs: number; stepMs: number; count: number } {
  const count = Math.max(0, Math.round((range.toMs - range.fromMs) / range.stepMs));
  const behind = Math.ceil((liveEndMs - range.toMs) / range.stepMs);
  const moved = Math.min(Math.max(0, behind), count);
  return { fromMs: range.fromMs + moved * range.stepMs, stepMs: range.stepMs, count };
}

/**
 * One region's steps in the window, stored and live merged. Both count the same requests and either may lag, so of two
 * counts of one step the larger is the later.
 */
export function mergeSeries(
  window: { fromMs: number; stepMs: number; count: number },
  stored: { fromMs: number; series: readonly (Step | null)[] },
  ring: PulseRing | undefined,
): Bars {
  const steps = Array.from({ length: window.count }, (_, index) => {
    const t = window.fromMs + index * window.stepMs;
    const kept = stored.series[Math.round((t - stored.fromMs) / window.stepMs)] ?? null;
    return later(kept, ring?.sum(t, t + window.stepMs) ?? null);
  });
  return { fromMs: window.fromMs, stepMs: window.stepMs, steps };
}

/** How many steps a bar may join: lengths of time that people have a name for. */
const JOINS = [1, 2, 3, 5, 6, 10, 15, 20, 30, 60];

/**
 * Joins neighbouring steps until at most `most` bars remain. Bars begin at multiples of their own length, so that they do not
 * change as the window moves; a first bar of which the window shows only a part is left out.
 */
export function joinSteps(bars: Bars, most: number): Bars {
  const needed = bars.steps.length / Math.max(1, most);
  const factor = JOINS.find((join) => join >= needed) ?? Math.ceil(needed);
  if (factor === 1) return bars;
  const stepMs = bars.stepMs * factor;
  const firstMs = Math.ceil(bars.fromMs / stepMs) * stepMs;
  const endMs = bars.fromMs + bars.steps.length * bars.stepMs;
  const joined: (Step | null)[] = Array.from({ length: Math.max(0, Math.ceil((endMs - firstMs) / stepMs)) }, () => null);
  bars.steps.forEach((step, index) => {
    const bar = Math.floor((bars.fromMs + index * bars.stepMs - firstMs) / stepMs);
    if (bar >= 0) joined[bar] = addSteps(joined[bar] ?? null, step);
  });
  return { fromMs: firstMs, stepMs, steps: joined };
}

/** Sum over regions whose bars share one window; null where none reported. */
export function sumBars(all: readonly Bars[]): Bars {
  const [first] = all;
  if (!first) return { fromMs: 0, stepMs: 1, steps: [] };
  const steps = first.steps.map((_, index) =>
    all.reduce<Step | null>((total, { steps }) => addSteps(total, steps[index] ?? null), null),
  );
  return { ...first, steps };
}

/** Time from the first step with a report to the window's end: what rates divide by while Picket is younger than the range. */
export function coveredMs(all: readonly Bars[]): number {
  let covered = 0;
  for (const { steps, stepMs } of all) {
    const first = steps.findIndex((step) => step !== null);
    if (first >= 0) covered = Math.max(covered, (steps.length - first) * stepMs);
  }
  return covered;
}

/** The tallest bar of all, at least 1: regions share one scale. */
export function tallest(all: readonly Bars[]): number {
  return all.reduce((most, { steps }) => steps.reduce((highest, step) => Math.max(highest, step?.requests ?? 0), most), 1);
}

function later(a: Step | null, b: Step | null): Step | null {
  if (!a || !b) return a ?? b;
  return b.requests >= a.requests ? b : a;
}

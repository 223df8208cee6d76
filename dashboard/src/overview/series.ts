import type { Step, TimeRange } from "../api-types.ts";
import { addSteps, type PulseRing } from "../live/pulse-ring.ts";

/** Equal steps of time with what was seen in each; null = no report. */
export interface Bars {
  fromMs: number;
  stepMs: number;
  steps: (Step | null)[];
}

export interface Window {
  fromMs: number;
  stepMs: number;
  count: number;
}

/**
 * The window that is drawn: the newest steps of the range's own length, moved on to the newest live step by at most that
 * length, so that the picture flows between two polls and all regions end at the same time. The overview itself may begin a
 * little earlier (at a whole minute) and may end within a step.
 */
export function drawnWindow(range: TimeRange, steps: number, lengthMs: number, liveEndMs: number): Window {
  const { stepMs } = range;
  const count = Math.min(steps, Math.max(1, Math.round(lengthMs / stepMs)));
  const endMs = firstStepMs(range) + steps * stepMs;
  const ahead = Math.min(count, Math.max(0, Math.ceil((liveEndMs - endMs) / stepMs)));
  return { fromMs: endMs + (ahead - count) * stepMs, stepMs, count };
}

/** Start of the step that holds the range's start: series begin there. */
export function firstStepMs({ fromMs, stepMs }: TimeRange): number {
  return Math.floor(fromMs / stepMs) * stepMs;
}

/**
 * One region's steps in the window, stored and live merged. Both count the same requests and either may lag, so of two
 * counts of one step the larger is the later.
 */
export function mergeSeries(
  window: Window,
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

/**
 * Time that the overview's totals speak of: from its start, or from the first report while Picket is younger than the range.
 * `liveFromMs` (when the live pulse begins) tells the first report more finely than a step of minutes can.
 */
export function coveredMs(range: TimeRange, all: readonly (readonly (Step | null)[])[], liveFromMs: number): number {
  const first = Math.min(...all.map((series) => series.findIndex((step) => step !== null)).filter((index) => index >= 0));
  if (!Number.isFinite(first)) return 0;
  const stepFromMs = Math.max(range.fromMs, firstStepMs(range) + first * range.stepMs);
  const isWithin = liveFromMs > stepFromMs && liveFromMs < stepFromMs + range.stepMs;
  return Math.max(0, range.toMs - (isWithin && first > 0 ? liveFromMs : stepFromMs));
}

/** The tallest bar of all, at least 1: regions share one scale. */
export function tallest(all: readonly Bars[]): number {
  return all.reduce((most, { steps }) => steps.reduce((highest, step) => Math.max(highest, step?.requests ?? 0), most), 1);
}

function later(a: Step | null, b: Step | null): Step | null {
  if (!a || !b) return a ?? b;
  return b.requests >= a.requests ? b : a;
}

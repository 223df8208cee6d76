import type { Step } from "../api-types.ts";
import type { Bars } from "./series.ts";

/** A curve of one figure over time as SVG paths in a box of width 1000; runs of null are left open. */
export interface Curve {
  line: string;
  area: string;
  /** The scale's top, a round number a second. */
  top: number;
  /** Newest known value a second, null where there is none. */
  last: number | null;
}

export const CURVE_WIDTH = 1000;

/** Per-second rates of `read(step)`; `pending` newest bars may be incomplete and are not drawn. */
export function curveOf(bars: Bars, heightPx: number, read: (step: Step) => number, pending = 1): Curve {
  const rates = bars.steps
    .slice(0, Math.max(0, bars.steps.length - pending))
    .map((step) => step && (read(step) * 1000) / bars.stepMs);
  const top = roundTop(Math.max(0, ...rates.map((rate) => rate ?? 0)));
  const x = (index: number) => round((index / Math.max(1, bars.steps.length - 1)) * CURVE_WIDTH);
  const y = (rate: number) => round(heightPx - (rate / top) * (heightPx - 1));
  let line = "";
  let area = "";
  for (const { start, values } of runs(rates)) {
    const points = values.map((rate, index) => `${x(start + index)} ${y(rate)}`).join("L");
    // A point alone would leave no mark: a line to itself does, with round ends.
    line += values.length === 1 ? `M${points}L${points}` : `M${points}`;
    area += `M${x(start)} ${heightPx}L${points}L${x(start + values.length - 1)} ${heightPx}Z`;
  }
  return { line, area, top, last: rates.findLast((rate) => rate !== null) ?? null };
}

/** 1, 2 or 5 times a power of ten that is no less than `most`; 1 for nothing. */
export function roundTop(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 1.5, 2, 3, 5, 7.5].find((step) => step * power >= most) ?? 10) * power;
}

function runs(rates: readonly (number | null)[]): { start: number; values: number[] }[] {
  const found: { start: number; values: number[] }[] = [];
  let open: { start: number; values: number[] } | null = null;
  rates.forEach((rate, index) => {
    if (rate === null) open = null;
    else if (open) open.values.push(rate);
    else {
      open = { start: index, values: [rate] };
      found.push(open);
    }
  });
  return found;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const MINUTE_MS = 60_000;

/** Length and step of each range, ms. Short ones show the regions' pulse, long ones D1's minutes. */
const ranges = {
  "5m": { lengthMs: 5 * MINUTE_MS, stepMs: 2_000 },
  "15m": { lengthMs: 15 * MINUTE_MS, stepMs: 2_000 },
  "1h": { lengthMs: 60 * MINUTE_MS, stepMs: MINUTE_MS },
  "6h": { lengthMs: 360 * MINUTE_MS, stepMs: 5 * MINUTE_MS },
  "24h": { lengthMs: 1440 * MINUTE_MS, stepMs: 15 * MINUTE_MS },
} as const;

export type RangeName = keyof typeof ranges;
export const rangeNames = Object.keys(ranges) as [RangeName, ...RangeName[]];

export interface OverviewRange {
  name: RangeName;
  /** Start of a minute and of a step, so that series and totals speak of the same time. */
  fromMs: number;
  toMs: number;
  stepMs: number;
  /** Minutes since 1970, [fromMinute, toMinute): the one of `toMs` is the last. */
  fromMinute: number;
  toMinute: number;
  /** True when steps are shorter than D1's minutes. */
  isShort: boolean;
}

export function overviewRange(name: RangeName, nowMs: number): OverviewRange {
  const { lengthMs, stepMs } = ranges[name];
  const grainMs = Math.max(stepMs, MINUTE_MS);
  const fromMs = Math.floor((nowMs - lengthMs) / grainMs) * grainMs;
  const fromMinute = fromMs / MINUTE_MS;
  const toMinute = Math.floor(nowMs / MINUTE_MS) + 1;
  return { name, fromMs, toMs: nowMs, stepMs, fromMinute, toMinute, isShort: stepMs < MINUTE_MS };
}

/** The same length of time before. */
export function previousMinutes(range: OverviewRange): { fromMinute: number; toMinute: number } {
  return { fromMinute: 2 * range.fromMinute - range.toMinute, toMinute: range.fromMinute };
}

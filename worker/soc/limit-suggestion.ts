import { type Count, exceedance, type Quantile, quantileOf } from "./order-statistics.ts";

/** Callers of one operation with the same peaks: the most of each in one minute, and in ten seconds. */
export interface Peers {
  minute: number;
  burst: number;
  callers: number;
}

/** A limit by principal: `count` requests a minute, `burst` at once. */
export interface SuggestedLimit {
  count: number;
  burst: number;
}

export interface Thresholds {
  minDays: number;
  minCallers: number;
}

/** Below a week nobody has seen how a week goes; of fewer callers nothing can be said of the next one. */
export const defaults: Thresholds = { minDays: 7, minCallers: 5 };

/** What comes may be so much more than what came. */
const MARGIN = 1.25;
const MINUTE_S = 60;
const BURST_S = 10;
const TENS = MINUTE_S / BURST_S;
/** A report spans so much at most (worker/region/orders.ts), and its requests all count at the last one's moment. */
const SMEAR_S = 5;
/** What a policy can say (worker/policy/quantity.ts, schema.ts). */
const MOST_COUNT = 9_999_999;
const MOST_BURST = 1_000_000;
/** A history shorter than any month may lack what comes at a month's end. */
const MONTH_DAYS = 31;

export type SuggestionState = "ready" | "too_few_days" | "too_few_callers" | "out_of_range";
export type Basis = "max" | "p99";

export interface Suggestion {
  state: SuggestionState;
  /** null unless ready. */
  limit: SuggestedLimit | null;
  callers: number;
  minute: Record<"p50" | "p90" | "p99", Quantile> & { max: number };
  coversMonth: boolean;
  /** P(a caller like these, but not among them, has a higher peak than all of them) is at most this. */
  exceedance: number;
  /** Callers whose known peaks the limit does not surely let pass, and how many. */
  above: Peers[];
  callersAbove: number;
}

/**
 * The limit that an operation's callers suggest: a quarter above the largest of their peaks (or above their 99th percentile), rounded up
 * to two digits. Under the first everything that was seen would have passed, a quarter more of it as well, at whatever moments it came
 * within the ten seconds that counted it.
 *
 * @param peers at least one, whose requests were mostly let pass
 * @param days since the operation's first peak
 */
export function suggestLimit(peers: readonly Peers[], days: number, basis: Basis, thresholds = defaults): Suggestion {
  const minutes = counted(peers, "minute");
  const bursts = counted(peers, "burst");
  const callers = peers.reduce((sum, one) => sum + one.callers, 0);
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((p) => quantileOf(minutes, p)) as [Quantile, Quantile, Quantile];
  const max = minutes.at(-1)?.value ?? 0;
  const limit = basis === "max" ? limitFor(max, bursts.at(-1)?.value ?? 0) : limitFor(p99.value, quantileOf(bursts, 0.99).value);
  const state = stateOf(callers, days, limit, thresholds);
  const above = state === "ready" ? peers.filter((one) => !admitsSurely(limit, one)) : [];
  return {
    state,
    limit: state === "ready" ? limit : null,
    callers,
    minute: { p50, p90, p99, max },
    coversMonth: days >= MONTH_DAYS,
    exceedance: exceedance(callers),
    above,
    callersAbove: above.reduce((sum, one) => sum + one.callers, 0),
  };
}

function stateOf(callers: number, days: number, { count, burst }: SuggestedLimit, thresholds: Thresholds): SuggestionState {
  if (days < thresholds.minDays) return "too_few_days";
  if (callers < thresholds.minCallers) return "too_few_callers";
  return count > MOST_COUNT || burst > MOST_BURST ? "out_of_range" : "ready";
}

function limitFor(minute: number, burst: number): SuggestedLimit {
  return { count: roundedUp(MARGIN * minute), burst: roundedUp(MARGIN * burstNeeded(minute, burst, minute)) };
}

/** Would every request have passed, at whatever moments within their minutes and tens of seconds they came? */
export function admitsSurely({ count, burst }: SuggestedLimit, peak: Pick<Peers, "minute" | "burst">): boolean {
  return peak.minute <= count && burstNeeded(peak.minute, peak.burst, count) <= burst;
}

/**
 * How much more than `rate` a minute allows can come in any stretch of time: an arrival curve (Cruz 1991) from what one minute and ten
 * seconds held at most. A stretch reaches back over the last i tens of seconds of a minute, over whole ones, and over the first j tens
 * of another: it is longer than 10 × (i + j − 2) seconds then, less what reports smear.
 *
 * @param rate at least `minute`: then a second whole minute needs nothing more
 */
export function burstNeeded(minute: number, burst: number, rate: number): number {
  let most = 0;
  for (let before = 1; before <= TENS; before++) {
    for (let after = 1; after <= TENS; after++) {
      const ends = Math.min(minute, before * burst) + Math.min(minute, after * burst);
      const seconds = BURST_S * (before + after - 2) - SMEAR_S;
      most = Math.max(
        most,
        ends - (rate * Math.max(0, seconds)) / MINUTE_S,
        ends + minute - (rate * (seconds + MINUTE_S)) / MINUTE_S,
      );
    }
  }
  return most;
}

/** The next whole number of two significant digits. */
export function roundedUp(value: number): number {
  const unit = 10 ** Math.max(0, Math.ceil(Math.log10(Math.max(value, 1))) - 2);
  return Math.max(1, Math.ceil(value / unit) * unit);
}

function counted(peers: readonly Peers[], of: "minute" | "burst"): Count[] {
  const times = new Map<number, number>();
  for (const one of peers) times.set(one[of], (times.get(one[of]) ?? 0) + one.callers);
  return [...times].map(([value, n]) => ({ value, times: n })).sort((a, b) => a.value - b.value);
}

import { STRATA } from "../../wasm/abi.ts";

/** Reports a second that one region takes before it asks isolates to report less often. */
const REPORTS_PER_SECOND = 200;
const FASTEST_MS = 1_000;
const SLOWEST_MS = 5_000;

/** Time that each isolate is to wait, so that all that are active stay within the region's rate. */
export function reportIntervalMs(activeIsolates: number): number {
  return Math.round(Math.min(SLOWEST_MS, Math.max(FASTEST_MS, (activeIsolates / REPORTS_PER_SECOND) * 1000)));
}

const FEWEST_SAMPLES = 8;
/** 64 records of 6 strata are under 300 kB a report: well within one RPC and one journal row. */
const MOST_SAMPLES = 64;
const SMOOTHING = 0.2;

/**
 * k of the isolates' samplers. Each must be able to fill the region's whole sample alone, since the region cannot know which of
 * them sees the traffic; so k follows what a batch may store, smoothed, and never falls so low that the live view has nothing.
 */
export class SampleSize {
  #smoothed = FEWEST_SAMPLES * STRATA;

  /** `events` that the last batch was allowed to carry. */
  observe(events: number): void {
    this.#smoothed += SMOOTHING * (events - this.#smoothed);
  }

  get perStratum(): number {
    return Math.min(MOST_SAMPLES, Math.max(FEWEST_SAMPLES, Math.round(this.#smoothed / 2)));
  }
}

import type { SampledEvent } from "../region/report.ts";

/** One sampled request as it is stored: what the sampler kept, and for how many requests of its stratum it stands. */
export interface EventRow extends SampledEvent {
  /** max(weight, threshold): the estimator's weight (Duffield, Lund, Thorup, JACM 2007, §1.1). */
  standsFor: number;
}

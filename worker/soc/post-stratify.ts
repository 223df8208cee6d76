import { Z95 } from "./estimates.ts";

/** What a sample says about some requests: it holds `samples` of them and estimates that there are `estimate` (Σ of what each stands for). */
export interface SampledPart {
  estimate: number;
  /** Σ τ·max(0, τ − w) over the samples: unbiased for the estimate's variance (Duffield, Lund, Thorup, JACM 2007, §3). */
  variance: number;
  samples: number;
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

/**
 * How many of a cell's requests belong to one part, where the cell's `exact` number is known: post-stratification. The samples
 * are certain; what the part's samples stand for beyond themselves is scaled so that the cell's parts together give `exact`. So
 * no part exceeds it, and none falls below what was seen of it.
 *
 * This is a calibration estimator whose distance leaves certain samples alone (Deville and Särndal, JASA 87, 1992, §2); its
 * variance is that of the residuals y − R (§3), R being the part's share of the unseen. The interval is Wilson's for R with the
 * effective sample size that this variance means (Korn and Graubard, Survey Methodology 24, 1998), so that it stays within
 * 0 … 1 and a few samples of one caller do not pass for certainty.
 */
export function postStratify(part: SampledPart, cell: SampledPart, exact: number): Interval {
  const unseen = Math.max(0, exact - cell.samples);
  const share = shareOfUnseen(part, cell);
  const { low, high } = wilson(share, effectiveSize(share, part, cell));
  return { value: part.samples + unseen * share, low: part.samples + unseen * low, high: part.samples + unseen * high };
}

/** Where the samples stand for themselves alone there ought to be nothing unseen; if there is, it is shared as they are. */
function shareOfUnseen(part: SampledPart, cell: SampledPart): number {
  const beyond = cell.estimate - cell.samples;
  const share = beyond > 0 ? (part.estimate - part.samples) / beyond : part.samples / cell.samples;
  return Math.min(1, Math.max(0, share));
}

/** R(1 − R) over the variance of R. Where all or none of the samples are the part's: what it would be at any R between. */
function effectiveSize(share: number, part: SampledPart, cell: SampledPart): number {
  const beyond = cell.estimate - cell.samples;
  if (beyond <= 0 || cell.variance <= 0) return cell.samples;
  const residuals = (1 - 2 * share) * part.variance + share * share * cell.variance;
  const inner = residuals > 0 && share > 0 && share < 1;
  return inner ? (share * (1 - share) * beyond * beyond) / residuals : (beyond * beyond) / cell.variance;
}

/** Wilson's score interval of a share among `size` (JASA 22, 1927). */
function wilson(share: number, size: number): { low: number; high: number } {
  const z2 = Z95 * Z95;
  const centre = (share + z2 / (2 * size)) / (1 + z2 / size);
  const half = (Z95 / (1 + z2 / size)) * Math.sqrt((share * (1 - share)) / size + z2 / (4 * size * size));
  return { low: Math.min(share, Math.max(0, centre - half)), high: Math.max(share, Math.min(1, centre + half)) };
}

/** Sum of independent estimates: distances to the ends add in squares (Zou, Huang, Zhang, CSDA 53, 2009). */
export function sumOf(estimates: readonly Interval[]): Interval {
  const value = estimates.reduce((sum, one) => sum + one.value, 0);
  const distance = (of: (one: Interval) => number) => Math.sqrt(estimates.reduce((sum, one) => sum + of(one) ** 2, 0));
  return { value, low: value - distance((one) => one.value - one.low), high: value + distance((one) => one.high - one.value) };
}

/** Requests of one stretch of time: [its number since 1970, let pass, let pass and refused]. */
export type Bin = [at: number, passed: number, asked: number];

/** How many stretches can still grow: a report may come when the next has begun. */
const KEPT = 2;

/**
 * Adds to the stretch `at` and answers what it holds now. The newest stretches are kept; what comes later than that stands for
 * itself, so that a stretch is never told larger than it was.
 */
export function countIn(bins: Bin[], at: number, passed: number, asked: number): Bin {
  const standing = bins.find(([known]) => known === at);
  if (standing) {
    standing[1] += passed;
    standing[2] += asked;
    return standing;
  }
  const bin: Bin = [at, passed, asked];
  if (bins.length < KEPT) bins.push(bin);
  else {
    const oldest = bins.reduce((first, other, index) => (other[0] < (bins[first]?.[0] ?? 0) ? index : first), 0);
    if ((bins[oldest]?.[0] ?? at) < at) bins[oldest] = bin;
  }
  return bin;
}

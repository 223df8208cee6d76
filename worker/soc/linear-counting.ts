import { Z95 } from "./estimates.ts";

const BITS = 64;

/** How many distinct values there were; `high` null = the bitmap is full, so that only the lower end is known. */
export interface DistinctCount {
  value: number;
  low: number;
  high: number | null;
}

/**
 * Distinct values from a bitmap of 64 bits, one set by each: n = −m ln(V), V the share that is not set, with standard error
 * √(m (e^t − t − 1)), t = n/m (Whang, Vander-Zanden, Taylor, TODS 1990, §3 and appendix A), as a 95 % interval that is never
 * below the bits that are set. A full bitmap bounds from below alone: with fewer values than `low` it were full in less than
 * 2.5 % of cases, P(full) ≈ exp(−m e^(−n/m)).
 *
 * @param low @param high the halves, signed or not
 */
export function countDistinct(low: number, high: number): DistinctCount {
  const set = ones(low) + ones(high);
  if (set === BITS) {
    const least = Math.ceil(BITS * Math.log(BITS / -Math.log(0.025)));
    return { value: least, low: least, high: null };
  }
  const n = BITS * Math.log(BITS / (BITS - set));
  const t = n / BITS;
  const reach = Z95 * Math.sqrt(BITS * (Math.exp(t) - t - 1));
  return { value: Math.round(n), low: Math.max(set, Math.floor(n - reach)), high: Math.ceil(n + reach) };
}

function ones(half: number): number {
  let bits = half >>> 0;
  let count = 0;
  for (; bits !== 0; count++) bits = (bits & (bits - 1)) >>> 0;
  return count;
}

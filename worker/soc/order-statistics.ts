/** A value and how often it was observed. */
export interface Count {
  value: number;
  times: number;
}

/** A quantile of what was observed, and the interval that holds the true one in 95 % of cases, whatever the distribution. */
export interface Quantile {
  value: number;
  /** null = so few observations bound it on that side by nothing. */
  low: number | null;
  high: number | null;
}

const MISS = 0.025;
/** Beyond this the binomial's weights change no sum of doubles. */
const NEGLIGIBLE = 1e-20;

/**
 * The p-quantile (nearest rank) and its distribution-free interval: how many of n observations lie at or below the true quantile is
 * binomial (n, p), so order statistics bound it (Wilks 1948; David and Nagaraja, Order Statistics, 2003, §7.1). For a discrete
 * distribution it covers at least as often.
 *
 * @param counts of at least one observation, by rising value
 */
export function quantileOf(counts: readonly Count[], p: number): Quantile {
  const n = counts.reduce((sum, { times }) => sum + times, 0);
  const { low, high } = ranks(n, p);
  // A product such as 100 × 0.07 may exceed the whole number that it is.
  const nearest = Math.max(1, Math.ceil(n * p - 1e-9));
  return {
    value: valueAt(counts, nearest),
    low: low < 1 ? null : valueAt(counts, low),
    high: high > n ? null : valueAt(counts, high),
  };
}

/** P(a new observation exceeds the largest of n that are exchangeable with it) is at most this (Wilks 1941). */
export function exceedance(n: number): number {
  return 1 / (n + 1);
}

/** The largest l with P(B < l) ≤ 2.5 % and the smallest h with P(B ≥ h) ≤ 2.5 %, for B binomial (n, p). */
function ranks(n: number, p: number): { low: number; high: number } {
  const { first, weights } = binomial(n, p);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let low = first;
  for (let below = 0; low - first < weights.length; low++) {
    below += (weights[low - first] ?? 0) / total;
    if (below > MISS) break;
  }
  let high = first + weights.length;
  for (let above = 0; high > first; high--) {
    above += (weights[high - 1 - first] ?? 0) / total;
    if (above > MISS) break;
  }
  return { low, high };
}

/** P(B = k) but for a factor, for k from `first` on: from the mode outwards, so that nothing underflows. */
function binomial(n: number, p: number): { first: number; weights: number[] } {
  const mode = Math.min(n, Math.floor((n + 1) * p));
  const odds = p / (1 - p);
  const down: number[] = [];
  for (let k = mode, weight = 1; k > 0; k--) {
    weight *= k / ((n - k + 1) * odds);
    if (weight < NEGLIGIBLE) break;
    down.push(weight);
  }
  const up = [1];
  for (let k = mode, weight = 1; k < n; k++) {
    weight *= ((n - k) * odds) / (k + 1);
    if (weight < NEGLIGIBLE) break;
    up.push(weight);
  }
  return { first: mode - down.length, weights: [...down.reverse(), ...up] };
}

function valueAt(counts: readonly Count[], rank: number): number {
  let seen = 0;
  for (const { value, times } of counts) {
    seen += times;
    if (seen >= rank) return value;
  }
  return counts.at(-1)?.value ?? 0;
}

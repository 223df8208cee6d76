/** Relative accuracy of a bucket, and the lower end of the scale, as wasm/abi.ts LATENCY_BUCKETS says. */
const ALPHA = 0.05;
const UNIT_MS = 0.1;
const GAMMA = (1 + ALPHA) / (1 - ALPHA);

/**
 * The q-quantile of latencies counted in logarithmic buckets, within ±5 % (DDSketch: Masson, Rim, Lee, VLDB 2019).
 *
 * @param buckets requests by bucket
 * @returns ms; null when there are no requests
 */
export function latencyQuantile(buckets: ReadonlyMap<number, number>, q: number): number | null {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, requests]) => sum + requests, 0);
  if (total === 0) return null;
  const rank = Math.max(1, Math.ceil(q * total));
  let below = 0;
  for (const [bucket, requests] of sorted) {
    below += requests;
    if (below >= rank) return middleMs(bucket);
  }
  return null;
}

/** The value with the least relative error in (γ^(i−1), γ^i]. */
function middleMs(bucket: number): number {
  return ((2 * GAMMA ** bucket) / (GAMMA + 1)) * UNIT_MS;
}

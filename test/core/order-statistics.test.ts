import fc from "fast-check";
import { expect, test } from "vitest";
import { exceedance, quantileOf } from "../../worker/soc/order-statistics.ts";

/** P(B = k), by Pascal's triangle. */
function pmf(n: number, p: number): number[] {
  let row = [1];
  for (let i = 0; i < n; i++) row = [...row, 0].map((weight, k) => weight * (1 - p) + (row[k - 1] ?? 0) * p);
  return row;
}

function naive(values: readonly number[], p: number) {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const weights = pmf(n, p);
  const below = (k: number) => weights.slice(0, k).reduce((sum, weight) => sum + weight, 0);
  const above = (k: number) => weights.slice(k).reduce((sum, weight) => sum + weight, 0);
  let low = 0;
  while (low < n && below(low + 1) <= 0.025) low++;
  let high = n + 1;
  while (high > 1 && above(high - 1) <= 0.025) high--;
  return { value: sorted[Math.ceil(n * p - 1e-9) - 1], low: sorted[low - 1] ?? null, high: sorted[high - 1] ?? null };
}

test("quantiles and their intervals equal those of the definition", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ value: fc.nat(30), times: fc.integer({ min: 1, max: 9 }) }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0.5, 0.9, 0.99),
      (counts, p) => {
        const sorted = counts.toSorted((a, b) => a.value - b.value);
        const values = sorted.flatMap(({ value, times }) => Array<number>(times).fill(value));
        expect(quantileOf(sorted, p)).toEqual(naive(values, p));
      },
    ),
  );
});

test("a 99th percentile is bounded from above by 368 observations and no fewer: 0.99ⁿ ≤ 2.5 %", () => {
  const highOf = (n: number) => quantileOf([{ value: 7, times: n }], 0.99).high;
  expect([highOf(366), highOf(367), highOf(368)]).toEqual([null, null, 7]);
  expect(0.99 ** 367).toBeGreaterThan(0.025);
  expect(0.99 ** 368).toBeLessThan(0.025);
});

test("a million observations neither underflow nor take long", () => {
  const counts = Array.from({ length: 1000 }, (_, value) => ({ value, times: 1000 }));
  expect(quantileOf(counts, 0.99)).toEqual({ value: 989, low: 989, high: 990 });
});

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test("intervals hold the true quantile in 95 % of samples, whatever is drawn; new maxima are as rare as said", () => {
  const draw = random(1);
  const runs = 2000;
  const n = 500;
  let held = 0;
  let exceeded = 0;
  for (let run = 0; run < runs; run++) {
    // A distribution with a heavy tail: the 0.9-quantile of 1 / u is 10.
    const values = Array.from({ length: n }, () => 1 / draw()).sort((a, b) => a - b);
    const { low, high } = quantileOf(
      values.map((value) => ({ value, times: 1 })),
      0.9,
    );
    if ((low ?? 0) <= 10 && 10 <= (high ?? Infinity)) held++;
    const known = Array.from({ length: 19 }, () => 1 / draw());
    if (1 / draw() > Math.max(...known)) exceeded++;
  }
  expect(held / runs).toBeGreaterThan(0.94);
  expect(held / runs).toBeLessThan(0.985);
  expect(Math.abs(exceeded / runs - exceedance(19))).toBeLessThan(4 * Math.sqrt((0.05 * 0.95) / runs));
});

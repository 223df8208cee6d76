import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../cli/random.ts";
import { newCore, type TestCore } from "./core-fixture.ts";

interface Kept {
  slot: number;
  stratum: number;
  threshold: number;
  /** What it stands for. */
  estimate: number;
}

const LISTED_SIZE = 24;

function take(core: TestCore, handle: number): Kept[] {
  const listed = core.sampler_take(handle);
  const view = new DataView(core.memory.buffer, core.sampler_list(handle), listed * LISTED_SIZE);
  return Array.from({ length: listed }, (_, i) => ({
    slot: view.getUint32(i * LISTED_SIZE, true),
    stratum: view.getUint32(i * LISTED_SIZE + 4, true),
    threshold: view.getFloat64(i * LISTED_SIZE + 8, true),
    estimate: view.getFloat64(i * LISTED_SIZE + 16, true),
  }));
}

const core = newCore();
const K = 40;
const handle = core.sampler_new(K);

/** Offers `n` requests of weight 1, of which every `every`-th is marked; what the sample says of all and of the marked. */
function estimate(n: number, every: number, draw: () => number): { total: number; marked: number; sample: Kept[] } {
  const markOf = new Map<number, boolean>();
  for (let i = 0; i < n; i++) {
    const slot = core.sampler_offer(handle, 0, 1 / (1 - draw()), 1, 0);
    if (slot >= 0) markOf.set(slot, i % every === 0);
  }
  const sample = take(core, handle);
  const sum = (kept: Kept[]) => kept.reduce((all, { estimate: each }) => all + each, 0);
  return { total: sum(sample), marked: sum(sample.filter(({ slot }) => markOf.get(slot) === true)), sample };
}

describe("the sampler", () => {
  it.each([2, 10, 100])("is unbiased over 10,000 seeds for a share of 1 in %i", (every) => {
    const n = 1000;
    let total = 0;
    let marked = 0;
    const runs = 10_000;
    for (let seed = 0; seed < runs; seed++) {
      const one = estimate(n, every, seededRandom(seed).next);
      total += one.total;
      marked += one.marked;
    }
    expect(Math.abs(total / runs / n - 1)).toBeLessThan(0.005);
    // Standard error of the mean: at 1 %, one run's relative deviation is about √(every / K).
    const standardError = Math.sqrt(every / K / runs);
    expect(Math.abs((marked / runs / n) * every - 1)).toBeLessThan(4 * standardError);
  });

  it("keeps all, and says so, while there is room", () => {
    const { total, sample } = estimate(K, 2, seededRandom(1).next);
    expect([total, sample.length, sample.every(({ threshold }) => threshold === 0)]).toEqual([K, K, true]);
  });

  it("keeps at most k a stratum under any load, and strata apart", () => {
    const draw = seededRandom(7);
    for (let i = 0; i < 50_000; i++) core.sampler_offer(handle, i % 10 === 0 ? 1 : 0, 1 / (1 - draw.next()), 1, 0);
    const sample = take(core, handle);
    expect([0, 1].map((stratum) => sample.filter((kept) => kept.stratum === stratum).length)).toEqual([K, K]);
  });

  it("covers the truth with 93 to 97 % of its 95 % intervals", () => {
    // Each kept item stands for max(1, τ): the variance estimate of Duffield, Lund and Thorup is Σ τ (τ − 1) over the marked.
    const n = 2000;
    let covered = 0;
    const runs = 3000;
    for (let seed = 0; seed < runs; seed++) {
      const { marked, sample } = estimate(n, 2, seededRandom(100_000 + seed).next);
      const threshold = sample[0]?.threshold ?? 0;
      const deviation = Math.sqrt((marked / threshold) * threshold * (threshold - 1));
      if (Math.abs(marked - n / 2) <= 1.96 * deviation) covered++;
    }
    expect(covered / runs).toBeGreaterThan(0.93);
    expect(covered / runs).toBeLessThan(0.97);
  });

  it("makes of two samples' union the sample of the union", () => {
    const priorities = fc.uniqueArray(fc.double({ min: 1, max: 1e6, noNaN: true }), { maxLength: 300 });
    fc.assert(
      fc.property(priorities, fc.nat(300), (all, cut) => {
        const whole = kept(all.map((priority) => ({ priority, threshold: 0 })));
        const halves = [all.slice(0, cut), all.slice(cut)].flatMap((half) =>
          kept(half.map((priority) => ({ priority, threshold: 0 }))),
        );
        const merged = kept(halves);
        return JSON.stringify(merged) === JSON.stringify(whole);
      }),
      { numRuns: 300 },
    );
  });
});

/** The sample of items that may have been sampled before, by falling priority. */
function kept(items: { priority: number; threshold: number }[]): { priority: number; threshold: number }[] {
  const priorityOf = new Map<number, number>();
  for (const { priority, threshold } of items) {
    const slot = core.sampler_offer(handle, 2, priority, 1, threshold);
    if (slot >= 0) priorityOf.set(slot, priority);
  }
  return take(core, handle)
    .map(({ slot, threshold }) => ({ priority: priorityOf.get(slot) ?? 0, threshold }))
    .sort((a, b) => b.priority - a.priority);
}

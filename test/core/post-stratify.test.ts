import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Random, seededRandom } from "../../cli/random.ts";
import { type Interval, postStratify, type SampledPart, sumOf } from "../../worker/soc/post-stratify.ts";

/** A batch's sample of one stratum: the k largest priorities 1/u, and the one after as threshold (weights are 1). */
function prioritySample(callers: readonly string[], k: number, draw: Random): { caller: string; threshold: number }[] {
  const ranked = callers.map((caller) => ({ caller, priority: 1 / (1 - draw.next()) })).sort((a, b) => b.priority - a.priority);
  const threshold = ranked[k]?.priority ?? 0;
  return ranked.slice(0, k).map(({ caller }) => ({ caller, threshold }));
}

function partOf(sample: readonly { threshold: number }[]): SampledPart {
  return {
    estimate: sample.reduce((sum, { threshold }) => sum + Math.max(1, threshold), 0),
    variance: sample.reduce((sum, { threshold }) => sum + threshold * Math.max(0, threshold - 1), 0),
    samples: sample.length,
  };
}

/** Two regions' batches of one cell: how many requests each caller made there, and how many samples each batch keeps. */
interface Population {
  batches: { callers: string[]; k: number }[];
}

const repeat = (counts: Record<string, number>) => Object.entries(counts).flatMap(([name, n]) => new Array<string>(n).fill(name));

function estimatesOf({ batches }: Population, draw: Random): { of: Map<string, Interval>; naive: Map<string, number> } {
  const sample = batches.flatMap(({ callers, k }) => prioritySample(callers, k, draw));
  const exact = batches.reduce((sum, { callers }) => sum + callers.length, 0);
  const cell = partOf(sample);
  const of = new Map<string, Interval>();
  const naive = new Map<string, number>();
  for (const caller of new Set(sample.map((one) => one.caller))) {
    const part = partOf(sample.filter((one) => one.caller === caller));
    of.set(caller, postStratify(part, cell, exact));
    naive.set(caller, part.estimate);
  }
  return { of, naive };
}

describe("post-stratified estimates", () => {
  const counts = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 1, max: 60 }), { minKeys: 1 });
  const batch = fc.record({ callers: counts.map(repeat), k: fc.integer({ min: 1, max: 40 }) });
  const population = fc.record({ batches: fc.array(batch, { minLength: 1, maxLength: 4 }) });

  it("never exceed the exact total, never fall below what was seen, and together make the total", () => {
    fc.assert(
      fc.property(population, fc.integer({ min: 1, max: 2 ** 31 }), (drawn, seed) => {
        const { of } = estimatesOf(drawn, seededRandom(seed));
        const exact = drawn.batches.reduce((sum, { callers }) => sum + callers.length, 0);
        for (const { value, low, high } of of.values()) {
          expect(low).toBeGreaterThanOrEqual(1 - 1e-9);
          expect(value).toBeGreaterThanOrEqual(low - 1e-9);
          expect(high).toBeGreaterThanOrEqual(value - 1e-9);
          expect(high).toBeLessThanOrEqual(exact + 1e-9);
        }
        expect([...of.values()].reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(exact, 6);
      }),
      { numRuns: 500 },
    );
  });

  it("are exact where nothing was left out", () => {
    const whole = { batches: [{ callers: repeat({ a: 5, b: 2 }), k: 50 }] };
    const { of } = estimatesOf(whole, seededRandom(1));
    expect(of.get("a")).toEqual({ value: 5, low: 5, high: 5 });
    expect(of.get("b")).toEqual({ value: 2, low: 2, high: 2 });
  });

  it("do not take one caller's few samples for certainty", () => {
    const part = { estimate: 162, variance: 3 * 54 * 53, samples: 3 };
    const { value, low, high } = postStratify(part, part, 162);
    expect([value, high]).toEqual([162, 162]);
    expect(low).toBeGreaterThan(40);
    expect(low).toBeLessThan(120);
  });

  it("hold through any numbers, however they disagree", () => {
    const number = fc.double({ min: 0, max: 1e9, noNaN: true });
    const samples = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(
        samples,
        samples,
        number,
        number,
        number,
        number,
        fc.integer({ min: 0, max: 1e9 }),
        (m, more, a, b, v, w, exact) => {
          const part = { samples: m, estimate: m + a, variance: v };
          const cell = { samples: m + more, estimate: m + more + a + b, variance: v + w };
          const { value, low, high } = postStratify(part, cell, exact);
          const most = Math.max(exact, cell.samples) * (1 + 1e-12);
          return m <= low * (1 + 1e-12) && low <= value && value <= high && high <= most;
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("over 4,000 samples of one population", () => {
  // Rates of sampling differ by four between the regions, and the callers are not spread alike.
  const population: Population = {
    batches: [
      { callers: repeat({ heavy: 300, middle: 60, light: 12, rest: 28 }), k: 40 },
      { callers: repeat({ heavy: 100, middle: 20, rest: 80 }), k: 80 },
    ],
  };
  const truth: Record<string, number> = { heavy: 400, middle: 80, light: 12 };
  const draw = seededRandom(20_261_124);
  const runs = Array.from({ length: 4_000 }, () => estimatesOf(population, draw));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  it.each(["heavy", "middle", "light"])("%s is unbiased, by within 1 % and its own error", (caller) => {
    const values = runs.map(({ of }) => of.get(caller)?.value ?? 0);
    const error = Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)) / values.length);
    expect(Math.abs(mean(values) - (truth[caller] ?? 0))).toBeLessThan(0.01 * (truth[caller] ?? 0) + 3 * error);
  });

  it.each(["heavy", "middle"])("%s lies in its interval 93 to 98 times in 100", (caller) => {
    const covered = runs.filter(({ of }) => {
      const { low, high } = of.get(caller) ?? { low: 0, high: 0 };
      return low <= (truth[caller] ?? 0) && (truth[caller] ?? 0) <= high;
    });
    expect(covered.length / runs.length).toBeGreaterThan(0.93);
    expect(covered.length / runs.length).toBeLessThan(0.98);
  });

  it("is nearer the truth than the sample's weights alone, which may exceed the total", () => {
    const square = (of: (run: (typeof runs)[number]) => number) => mean(runs.map((run) => (of(run) - 400) ** 2));
    const ratio = square(({ naive }) => naive.get("heavy") ?? 0) / square(({ of }) => of.get("heavy")?.value ?? 0);
    expect(ratio).toBeGreaterThan(1.5);
    expect(runs.some(({ naive }) => (naive.get("heavy") ?? 0) > 600)).toBe(true);
  });
});

it("adds estimates with their distances in squares", () => {
  const three = { value: 10, low: 7, high: 13 };
  const four = { value: 20, low: 16, high: 24 };
  expect(sumOf([three, four])).toEqual({ value: 30, low: 25, high: 35 });
  expect(sumOf([four])).toEqual(four);
});

import { expect, it } from "vitest";
import { type Class, LeakTest } from "../../cli/bench/measure/dudect.ts";
import { seededRandom } from "../../cli/random.ts";

/** Times of about a microsecond with noise and, now and then, an interruption; class 0 takes `more` longer. */
function figuresOf(more: number, interruptions: number, seed = 1) {
  const random = seededRandom(seed);
  const noise = () => random.next() + random.next() + random.next() + (random.next() < interruptions ? 1_000 * random.next() : 0);
  const test = new LeakTest(Array.from({ length: 10_000 }, noise));
  for (let i = 0; i < 100_000; i++) {
    const from: Class = random.next() < 0.5 ? 0 : 1;
    test.push(from, noise() + (from === 0 ? more : 0));
  }
  return test.figures();
}

it("sees nothing where there is nothing", () => {
  for (const seed of [1, 2, 3, 4, 5]) expect(figuresOf(0, 0.01, seed).largestT).toBeLessThan(4.5);
});

it("gives Welch's t of all measurements", () => {
  const test = new LeakTest([]);
  const classes: [Class, number[]][] = [
    [0, [27.5, 21, 19, 23.6, 17, 17.9]],
    [1, [27.1, 22, 20.8, 23.4, 23.4, 23.5, 25.8]],
  ];
  for (const [from, values] of classes) for (const value of values) test.push(from, value);
  expect(test.figures().t).toBeCloseTo(-1.499821, 5); // as Python's statistics module has it
});

it("sees a small difference, and through interruptions only where it crops them", () => {
  expect(figuresOf(0.05, 0).largestT).toBeGreaterThan(10);
  const { t, largestT, kept } = figuresOf(0.05, 0.01);
  expect([Math.abs(t) < 4.5, largestT > 10, kept < 1]).toEqual([true, true, true]);
});

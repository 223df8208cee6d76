/** 0 or 1: the class that a measurement was drawn from. */
export type Class = 0 | 1;

export interface LeakFigures {
  traces: number;
  /** Welch's t of all measurements. */
  t: number;
  /** The largest |t| of it and of the tests on cropped measurements that kept enough of them. */
  largestT: number;
  /** Share of the measurements that the test with the largest |t| kept. */
  kept: number;
}

/** Cropped tests, and with how few measurements one says nothing yet (both as in dudect's reference implementation). */
const CROPS = 100;
const ENOUGH = 10_000;

/**
 * "Dude, is my code constant time?" (Reparaz, Balasch, Verbauwhede, DATE 2017): do two classes of inputs take the same time?
 * Welch's t-test of the means (first order), on all measurements and on those below each of a hundred percentiles of the first
 * measurements, because what interrupts a machine makes the longest times and says nothing of the code. |t| > 4.5 is a leak.
 */
export class LeakTest {
  readonly #all = new WelchTest();
  readonly #cropped: { limit: number; test: WelchTest }[];

  /** @param pilot measurements of either class, to take the percentiles from; they do not count */
  constructor(pilot: readonly number[]) {
    const sorted = [...pilot].sort((a, b) => a - b);
    this.#cropped = Array.from({ length: CROPS }, (_, i) => {
      const percentile = 1 - 0.5 ** ((10 * (i + 1)) / CROPS);
      return { limit: sorted[Math.floor(percentile * sorted.length)] ?? Number.POSITIVE_INFINITY, test: new WelchTest() };
    });
  }

  push(from: Class, value: number): void {
    this.#all.push(from, value);
    for (const { limit, test } of this.#cropped) if (value < limit) test.push(from, value);
  }

  figures(): LeakFigures {
    const tests = [this.#all, ...this.#cropped.map(({ test }) => test).filter(({ count }) => count >= ENOUGH)];
    const largest = tests.reduce((worst, test) => (Math.abs(test.t) > Math.abs(worst.t) ? test : worst));
    const traces = this.#all.count;
    return { traces, t: this.#all.t, largestT: Math.abs(largest.t), kept: largest.count / traces };
  }
}

/** Welch's t of two running samples; means and variances as Welford has them (Technometrics, 1962). */
class WelchTest {
  readonly #counts = [0, 0];
  readonly #means = [0, 0];
  readonly #squares = [0, 0];

  push(from: Class, value: number): void {
    const count = (this.#counts[from] ?? 0) + 1;
    const mean = this.#means[from] ?? 0;
    const off = value - mean;
    this.#counts[from] = count;
    this.#means[from] = mean + off / count;
    this.#squares[from] = (this.#squares[from] ?? 0) + off * (value - mean - off / count);
  }

  get count(): number {
    return (this.#counts[0] ?? 0) + (this.#counts[1] ?? 0);
  }

  /** Of class 0 less class 1; 0 where there are too few to say. */
  get t(): number {
    const [a = 0, b = 0] = this.#counts;
    if (a < 2 || b < 2) return 0;
    const error = (this.#squares[0] ?? 0) / (a - 1) / a + (this.#squares[1] ?? 0) / (b - 1) / b;
    const difference = (this.#means[0] ?? 0) - (this.#means[1] ?? 0);
    return error === 0 ? (difference === 0 ? 0 : Number.POSITIVE_INFINITY) : difference / Math.sqrt(error);
  }
}

/** Middle of a contender's rounds, with the smallest and largest of them. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** One line of a table. Keys of `measures` are column titles with their unit; null = not measured for this contender. */
export interface Row {
  name: string;
  measures: Record<string, Spread | number | null>;
}

/** What the project promised. `met` is computed from the figure, never stated. */
export interface Goal {
  says: string;
  value: number;
  wanted: number;
  met: boolean;
}

export interface Result {
  name: string;
  title: string;
  rows: Row[];
  goals: Goal[];
  /** How it was measured, and what a reader must know before comparing. */
  notes: string[];
}

export interface RunOptions {
  /** Shorter rounds: to see that a benchmark works, not to quote it. */
  quick: boolean;
}

export interface Benchmark {
  name: string;
  run(options: RunOptions): Promise<Result>;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (i: number) => sorted[i] ?? Number.NaN;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

export function atLeast(says: string, value: number, wanted: number): Goal {
  return { says: `${says} ≥ ${wanted}`, value, wanted, met: value >= wanted };
}

export function atMost(says: string, value: number, wanted: number): Goal {
  return { says: `${says} ≤ ${wanted}`, value, wanted, met: value <= wanted };
}

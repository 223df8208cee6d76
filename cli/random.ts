/** Seeded pseudo-random numbers, so that a simulated run can be repeated. Never for secrets. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform whole number in [0, below). */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
  /** How many events happen in an interval with the given mean (Poisson; Knuth, TAOCP vol. 2 §3.4.1, for small means). */
  poisson(mean: number): number;
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, period 2³²: plenty for traffic. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  const poisson = (mean: number) => {
    const floor = Math.exp(-mean);
    let count = 0;
    for (let product = next(); product > floor; product *= next()) count += 1;
    return count;
  };
  return { next, below, pick, poisson };
}

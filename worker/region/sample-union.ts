import type { SampledEvent } from "./report.ts";

interface Stratum {
  /** Largest priority that was left out; every kept priority is above it. */
  threshold: number;
  /** Kept events, largest priority first. */
  kept: SampledEvent[];
}

/**
 * The union of many isolates' samples, re-taken: per stratum the k largest priorities, and the largest one left out as
 * threshold. Bottom-k samples merge exactly: the result is the sample that one sampler would have taken from all requests
 * (Cohen and Kaplan, PODC 2007), whatever the order of the reports.
 */
export class SampleUnion {
  readonly #most: number;
  readonly #strata: Stratum[];

  /** At most `most` events in each of `strata` strata. */
  constructor(strata: number, most: number) {
    this.#most = most;
    this.#strata = Array.from({ length: strata }, () => ({ threshold: 0, kept: [] }));
  }

  get size(): number {
    return this.#strata.reduce((sum, stratum) => sum + stratum.kept.length, 0);
  }

  offer(event: SampledEvent): void {
    const stratum = this.#strata[event.stratum];
    if (!stratum) return;
    insertByPriority(stratum.kept, event);
    raise(stratum, event.threshold);
    cut(stratum, this.#most);
  }

  /** What is kept now, each event with its stratum's threshold. Nothing changes. */
  peek(): SampledEvent[] {
    return this.#strata.flatMap(({ kept, threshold }) => kept.map((event) => ({ ...event, threshold })));
  }

  /** At most `limit` events, an equal share for each stratum that has so many; the union starts anew. */
  take(limit: number): SampledEvent[] {
    const shares = equalShares(
      this.#strata.map((stratum) => stratum.kept.length),
      limit,
    );
    for (const [index, stratum] of this.#strata.entries()) cut(stratum, shares[index] ?? 0);
    const events = this.peek();
    for (const stratum of this.#strata) {
      stratum.kept = [];
      stratum.threshold = 0;
    }
    return events;
  }
}

function insertByPriority(kept: SampledEvent[], event: SampledEvent): void {
  let low = 0;
  let high = kept.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((kept[middle]?.priority ?? 0) >= event.priority) low = middle + 1;
    else high = middle;
  }
  kept.splice(low, 0, event);
}

function raise(stratum: Stratum, threshold: number): void {
  if (threshold > stratum.threshold) stratum.threshold = threshold;
  while (stratum.kept.length > 0 && (stratum.kept.at(-1)?.priority ?? 0) <= stratum.threshold) stratum.kept.pop();
}

function cut(stratum: Stratum, most: number): void {
  const left = stratum.kept[most];
  if (!left) return;
  stratum.kept.length = most;
  raise(stratum, left.priority);
}

/** Splits `total` among takers who want at most `wants[i]` each: equal shares, what one does not want goes to the others. */
export function equalShares(wants: readonly number[], total: number): number[] {
  const shares = wants.map(() => 0);
  let left = Math.max(0, Math.floor(total));
  const byWant = wants.map((want, index) => ({ want, index })).sort((a, b) => a.want - b.want);
  for (const [position, { want, index }] of byWant.entries()) {
    const share = Math.min(want, Math.ceil(left / (byWant.length - position)));
    shares[index] = share;
    left -= share;
  }
  return shares;
}

import type { SampledEvent } from "./report.ts";

interface Stratum {
  /** Largest priority that was left out here; every kept priority is above it. */
  threshold: number;
  /** Kept events, largest priority first. */
  kept: SampledEvent[];
}

/**
 * The union of many isolates' samples, re-taken: per stratum the k largest priorities, each with the larger of the threshold that
 * it was sampled with and the largest priority left out here. Samples of one k merge exactly: the result is what one sampler
 * would have taken from all requests (Cohen and Kaplan, PODC 2007), whatever the order of the reports. The rule is the core's
 * own (wasm/core/sampler.ts); a test holds the two together.
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
    if (!stratum || event.priority <= stratum.threshold) return;
    insertByPriority(stratum.kept, event);
    cut(stratum, this.#most);
  }

  /** What is kept now, each event with its final threshold. Nothing changes. */
  peek(): SampledEvent[] {
    return this.#strata.flatMap(({ kept, threshold }) =>
      kept.map((event) => ({ ...event, threshold: Math.max(event.threshold, threshold) })),
    );
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

/** Leaves out all but the `most` largest priorities. */
function cut(stratum: Stratum, most: number): void {
  const left = stratum.kept[most];
  if (!left) return;
  stratum.kept.length = most;
  stratum.threshold = left.priority;
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

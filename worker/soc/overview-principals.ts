import type { PrincipalEstimate, PrincipalFrequencies } from "../db/events.ts";
import type { SampledEvent } from "../region/report.ts";
import { type Estimate, estimateDistinct, estimateTotal } from "./estimates.ts";

const TOP = 10;

export interface RefusedPrincipal {
  principal: string;
  kind: string;
  operation: string;
  method: string;
  refused: Estimate;
}

/** The most refused principals: D1's estimates and those of samples that are not there yet. Batches are independent, so both add. */
export function refusedPrincipals(stored: readonly PrincipalEstimate[], unread: readonly SampledEvent[]): RefusedPrincipal[] {
  const byKey = new Map<string, PrincipalEstimate>();
  const add = (row: PrincipalEstimate) => {
    const key = JSON.stringify([row.principal, row.kind, row.method, row.operation]);
    const standing = byKey.get(key);
    if (!standing) byKey.set(key, { ...row });
    else {
      standing.estimate += row.estimate;
      standing.variance += row.variance;
      standing.samples += row.samples;
    }
  };
  for (const row of stored) add(row);
  for (const event of unread) if (event.verdict === "refuse" && event.principal !== "") add(estimateOf(event));
  const sorted = [...byKey.values()].sort((a, b) => b.estimate - a.estimate || a.principal.localeCompare(b.principal));
  return sorted.slice(0, TOP).map(({ principal, kind, operation, method, estimate, variance, samples }) => {
    return { principal, kind, operation, method, refused: estimateTotal(estimate, variance, samples) };
  });
}

/** One sample as an estimate; the variance as in worker/db/events.ts. */
function estimateOf({ principal, kind, operation, method, weight, threshold }: SampledEvent): PrincipalEstimate {
  const variance = threshold * Math.max(0, threshold - weight);
  return { principal, kind, operation, method, estimate: Math.max(weight, threshold), variance, samples: 1 };
}

/**
 * How many principals called. From what D1 holds, where it holds any: a principal in both D1 and the unread samples cannot be told
 * from two by counts alone. null when no principal was seen.
 */
export function distinctPrincipals(stored: PrincipalFrequencies, unread: readonly SampledEvent[]): Estimate | null {
  const { seen, once, twice, sampled } = stored.seen > 0 ? stored : frequenciesOf(unread);
  return seen === 0 ? null : estimateDistinct(seen, once, twice, sampled === 1);
}

function frequenciesOf(events: readonly SampledEvent[]): PrincipalFrequencies {
  const samples = new Map<string, number>();
  for (const { principal } of events) if (principal !== "") samples.set(principal, (samples.get(principal) ?? 0) + 1);
  const times = (n: number) => [...samples.values()].filter((count) => count === n).length;
  const sampled = events.some((event) => event.threshold > 0) ? 1 : 0;
  return { seen: samples.size, once: times(1), twice: times(2), sampled };
}

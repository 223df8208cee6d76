import type { PrincipalFrequencies, RefusedPart } from "../db/events.ts";
import type { RollupTotal } from "../db/rollups.ts";
import type { SampledEvent } from "../region/report.ts";
import { type Estimate, estimateDistinct } from "./estimates.ts";
import { postStratify, type SampledPart, sumOf } from "./post-stratify.ts";

const TOP = 10;

export interface RefusedPrincipal {
  principal: string;
  kind: string;
  authenticator: string;
  operation: string;
  method: string;
  refused: Estimate;
}

/**
 * The most refused principals: D1's samples and those that are not there yet (batches are independent, so all adds), within the
 * exact refusals of each operation and reason, so that no principal has more than there were.
 */
export function refusedPrincipals(
  stored: readonly RefusedPart[],
  unread: readonly SampledEvent[],
  totals: readonly RollupTotal[],
): RefusedPrincipal[] {
  const exact = exactCells(totals);
  const cells = new Map<string, SampledPart>();
  const callers = new Map<string, Map<string, SampledPart>>();
  const refusals = unread.filter((event) => event.verdict === "refuse");
  for (const part of [...stored, ...refusals.flatMap(partsOf)]) {
    const { principal, kind, authenticator, method, operation } = part;
    if (principal === "") continue; // nobody's: counted in the whole of its cell
    const caller = JSON.stringify([principal, kind, authenticator, method, operation]);
    if (principal !== null && !callers.has(caller)) callers.set(caller, new Map());
    addPart(principal === null ? cells : callers.get(caller), cellKey(part), part);
  }
  const estimates = [...callers].map(([caller, parts]) => {
    const [principal, kind, authenticator, method, operation] = JSON.parse(caller) as [string, string, string, string, string];
    const within = [...parts].map(([key, part]) => postStratify(part, cells.get(key) ?? part, exact.get(key) ?? 0));
    const { value, low, high } = sumOf(within);
    const refused = { value: Math.round(value), low: Math.round(low), high: Math.round(high) };
    return { principal, kind, authenticator, operation, method, refused };
  });
  return estimates.sort((a, b) => b.refused.value - a.refused.value || a.principal.localeCompare(b.principal)).slice(0, TOP);
}

type Cell = Pick<RefusedPart, "service" | "method" | "operation" | "reason">;
const cellKey = ({ service, method, operation, reason }: Cell) => JSON.stringify([service, method, operation, reason]);

function exactCells(totals: readonly RollupTotal[]): Map<string, number> {
  const exact = new Map<string, number>();
  for (const row of totals) {
    if (row.verdict === "refuse") exact.set(cellKey(row), (exact.get(cellKey(row)) ?? 0) + row.requests);
  }
  return exact;
}

function addPart(parts: Map<string, SampledPart> | undefined, key: string, { estimate, variance, samples }: SampledPart): void {
  const standing = parts?.get(key);
  if (!standing) parts?.set(key, { estimate, variance, samples });
  else {
    standing.estimate += estimate;
    standing.variance += variance;
    standing.samples += samples;
  }
}

/** One sample as worker/db/events.ts would count it: for its caller, and for the whole of its cell. */
function partsOf({ weight, threshold, ...event }: SampledEvent): RefusedPart[] {
  const { service, method, operation, reason, principal, kind, authenticator } = event;
  const variance = threshold * Math.max(0, threshold - weight);
  const part = { service, method, operation, reason, estimate: Math.max(weight, threshold), variance, samples: 1 };
  return [
    { ...part, principal, kind, authenticator },
    { ...part, principal: null, kind: null, authenticator: null },
  ];
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

import type { LatencyTotal } from "../db/latency.ts";
import type { RollupTotal } from "../db/rollups.ts";
import { latencyQuantile } from "./latency-quantile.ts";

const TOP_OPERATIONS = 20;

export interface Counts {
  requests: number;
  refused: number;
  shadow: number;
}

/** Requests of rollups, by verdict. */
export function countRequests(rows: readonly Pick<RollupTotal, "verdict" | "requests">[]): Counts {
  const counts = { requests: 0, refused: 0, shadow: 0 };
  for (const { verdict, requests } of rows) {
    counts.requests += requests;
    if (verdict === "refuse") counts.refused += requests;
    if (verdict === "shadow") counts.shadow += requests;
  }
  return counts;
}

export interface OperationSummary extends Counts {
  service: string;
  method: string;
  operation: string;
  owner: string;
  p95Ms: number | null;
}

/** The operations with the most requests. `owners` by service name. */
export function summarizeOperations(
  rows: readonly RollupTotal[],
  latency: readonly LatencyTotal[],
  owners: ReadonlyMap<string, string>,
): OperationSummary[] {
  const groups = groupBy(rows, operationKey);
  const latencies = groupBy(latency, operationKey);
  const summaries = [...groups].map(([key, group]) => {
    const { service, method, operation } = group[0];
    const p95Ms = p95(latencies.get(key) ?? []);
    return { service, method, operation, owner: owners.get(service) ?? "", ...countRequests(group), p95Ms };
  });
  return summaries
    .sort((a, b) => b.requests - a.requests || operationKey(a).localeCompare(operationKey(b)))
    .slice(0, TOP_OPERATIONS);
}

export interface ReasonSummary {
  reason: string;
  verdict: "refuse" | "shadow";
  /** The operation that it struck most. */
  service: string;
  operation: string;
  requests: number;
}

/** Why requests were refused, or would have been; exact, the most frequent first. */
export function summarizeReasons(rows: readonly RollupTotal[]): ReasonSummary[] {
  const groups = groupBy(
    rows.filter((row) => row.verdict !== "allow"),
    (row) => JSON.stringify([row.verdict, row.reason]),
  );
  const summaries = [...groups.values()].map((group) => {
    const struck = [...groupBy(group, operationKey).values()].sort(
      (a, b) => sum(b) - sum(a) || operationKey(a[0]).localeCompare(operationKey(b[0])),
    );
    const { service, operation, verdict, reason } = (struck[0] ?? group)[0];
    return {
      reason,
      verdict: verdict === "shadow" ? ("shadow" as const) : ("refuse" as const),
      service,
      operation,
      requests: sum(group),
    };
  });
  return summaries.sort((a, b) => b.requests - a.requests || a.reason.localeCompare(b.reason));
}

/** 95th percentile of latency, ms; null without a request. */
export function p95(latency: readonly Pick<LatencyTotal, "bucket" | "requests">[]): number | null {
  const buckets = new Map<number, number>();
  for (const { bucket, requests } of latency) buckets.set(bucket, (buckets.get(bucket) ?? 0) + requests);
  return latencyQuantile(buckets, 0.95);
}

type Operation = Pick<RollupTotal, "service" | "method" | "operation">;
const operationKey = ({ service, method, operation }: Operation) => JSON.stringify([service, method, operation]);
const sum = (rows: readonly { requests: number }[]) => rows.reduce((total, row) => total + row.requests, 0);

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, [Row, ...Row[]]> {
  const groups = new Map<string, [Row, ...Row[]]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

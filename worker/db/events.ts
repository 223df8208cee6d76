import type { EventRow } from "./event-row.ts";
import { insertFromJson, jsonParameters } from "./json-rows.ts";

/** Field → column: the one list of this table's columns. */
const columnOf = {
  timeMs: "time_ms",
  id: "id",
  region: "region",
  verdict: "verdict",
  reason: "reason",
  service: "service",
  method: "method",
  operation: "operation",
  path: "path",
  status: "status",
  latencyMs: "latency_ms",
  bytesIn: "bytes_in",
  bytesOut: "bytes_out",
  principal: "principal",
  kind: "kind",
  authenticator: "authenticator",
  limit: "limit_name",
  address: "address",
  country: "country",
  asn: "asn",
  colo: "colo",
  stratum: "stratum",
  priority: "priority",
  weight: "weight",
  threshold: "threshold",
  standsFor: "stands_for",
} as const satisfies Record<keyof EventRow, string>;

const fields = Object.keys(columnOf) as (keyof EventRow)[];
const selected = fields.map((field) => `${columnOf[field]} AS "${field}"`).join(", ");
// A twin id would otherwise abort the batch for ever; 2^64 ids make it a repeat, not a loss.
const insert = insertFromJson("events", Object.values(columnOf), "ON CONFLICT DO NOTHING");

/** One row written per event. */
export function addEvents(db: D1Database, rows: readonly EventRow[]): D1PreparedStatement[] {
  return jsonParameters(rows.map((row) => fields.map((field) => row[field]))).map((json) => db.prepare(insert).bind(json));
}

type Reader = Pick<D1Database, "prepare">;

export interface EventFilter {
  /** Only events before this one (newest first). */
  before: { timeMs: number; id: string };
  fromMs: number;
  /** "" = every one. */
  region: string;
  verdict: string;
  limit: number;
}

/** Stored events, newest first, as EventRow. */
export function selectEvents(db: Reader, filter: EventFilter): D1PreparedStatement {
  const { before, fromMs, region, verdict, limit } = filter;
  return db
    .prepare(
      `SELECT ${selected} FROM events WHERE (time_ms, id) < (?1, ?2) AND time_ms >= ?6
         AND (?3 = '' OR region = ?3) AND (?4 = '' OR verdict = ?4)
       ORDER BY time_ms DESC, id DESC LIMIT ?5`,
    )
    .bind(before.timeMs, before.id, region, verdict, limit, fromMs);
}

/** Sampled refusals of one operation and reason: those of one principal, or all of them. */
export interface RefusedPart {
  service: string;
  method: string;
  operation: string;
  reason: string;
  /** null = of every caller, and of those without a principal. */
  principal: string | null;
  kind: string | null;
  authenticator: string | null;
  /** Requests that the samples stand for, the estimate's variance, and how many samples there are. */
  estimate: number;
  variance: number;
  samples: number;
}

/**
 * Sampled refusals since `fromMs`, by operation and reason: as a whole, and of the `limit` principals and operations with the
 * most. Variance: τ·max(0, τ − w) summed over the sample is unbiased for priority sampling (Duffield, Lund, Thorup, JACM
 * 2007, §3).
 */
export function selectRefusedParts(db: Reader, fromMs: number, limit: number): D1PreparedStatement {
  return db
    .prepare(
      `WITH parts AS MATERIALIZED (
         SELECT service, method, operation, reason, principal, kind, authenticator, SUM(stands_for) AS estimate,
           SUM(threshold * MAX(0, threshold - weight)) AS variance, COUNT(*) AS samples
         FROM events WHERE time_ms >= ?1 AND verdict = 'refuse'
         GROUP BY service, method, operation, reason, principal, kind, authenticator),
       top AS (
         SELECT method, operation, principal, kind, authenticator FROM parts WHERE principal <> ''
         GROUP BY method, operation, principal, kind, authenticator ORDER BY SUM(estimate) DESC, principal LIMIT ?2)
       SELECT service, method, operation, reason, principal, kind, authenticator, estimate, variance, samples
       FROM parts JOIN top USING (method, operation, principal, kind, authenticator)
       UNION ALL
       SELECT service, method, operation, reason, NULL, NULL, NULL, SUM(estimate), SUM(variance), SUM(samples)
       FROM parts GROUP BY service, method, operation, reason`,
    )
    .bind(fromMs, limit);
}

export interface PrincipalFrequencies {
  seen: number;
  once: number;
  twice: number;
  /** 1 when some stratum left requests out. */
  sampled: number;
}

/** How many principals were seen, seen in one sample, seen in two: what Chao's estimator of the unseen needs. */
export function selectPrincipalFrequencies(db: Reader, fromMs: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT COUNT(*) AS seen, COALESCE(SUM(samples = 1), 0) AS once, COALESCE(SUM(samples = 2), 0) AS twice,
         COALESCE(MAX(sampled), 0) AS sampled
       FROM (SELECT COUNT(*) AS samples, MAX(threshold > 0) AS sampled FROM events
             WHERE time_ms >= ?1 AND principal <> '' GROUP BY principal)`,
    )
    .bind(fromMs);
}

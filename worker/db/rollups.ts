import { insertFromJson, jsonParameters } from "./json-rows.ts";

/** Exact requests of one minute, by what was decided. */
export interface RollupRow {
  /** Minutes since 1970. */
  minute: number;
  region: string;
  service: string;
  method: string;
  operation: string;
  verdict: string;
  /** Stable reason code, "" for a plain allow. */
  reason: string;
  requests: number;
}

export type RollupTotal = Omit<RollupRow, "minute">;

export interface RollupStep {
  region: string;
  step: number;
  requests: number;
  refused: number;
  shadow: number;
}

const key = ["minute", "region", "service", "method", "operation", "verdict", "reason"] as const;
const columns = [...key, "requests"] as const satisfies (keyof RollupRow)[];
const upsert = insertFromJson(
  "rollups",
  columns,
  `ON CONFLICT (${key.join(", ")}) DO UPDATE SET requests = requests + excluded.requests`,
);

/** Adds to the rows that stand; one row written per key. */
export function addRollups(db: D1Database, rows: readonly RollupRow[]): D1PreparedStatement[] {
  return jsonParameters(rows.map((row) => columns.map((column) => row[column]))).map((json) => db.prepare(upsert).bind(json));
}

type Reader = Pick<D1Database, "prepare">;

/** Totals by region, operation, verdict and reason over [fromMinute, toMinute). */
export function selectRollupTotals(db: Reader, fromMinute: number, toMinute: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT region, service, method, operation, verdict, reason, SUM(requests) AS requests FROM rollups
       WHERE minute >= ?1 AND minute < ?2 GROUP BY region, service, method, operation, verdict, reason`,
    )
    .bind(fromMinute, toMinute);
}

/** Requests by region and step (D1 binds numbers as REAL, hence the CAST); a step is `stepMinutes` long, step 0 begins at `fromMinute`. */
export function selectRollupSteps(db: Reader, fromMinute: number, toMinute: number, stepMinutes: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT region, CAST((minute - ?1) / ?3 AS INTEGER) AS step, SUM(requests) AS requests,
         SUM(CASE verdict WHEN 'refuse' THEN requests ELSE 0 END) AS refused,
         SUM(CASE verdict WHEN 'shadow' THEN requests ELSE 0 END) AS shadow
       FROM rollups WHERE minute >= ?1 AND minute < ?2 GROUP BY region, step`,
    )
    .bind(fromMinute, toMinute, stepMinutes);
}

/** Requests and refusals over [fromMinute, toMinute); both null where there is no row. */
export function selectRollupSum(db: Reader, fromMinute: number, toMinute: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT SUM(requests) AS requests, SUM(CASE verdict WHEN 'refuse' THEN requests ELSE 0 END) AS refused
       FROM rollups WHERE minute >= ?1 AND minute < ?2`,
    )
    .bind(fromMinute, toMinute);
}

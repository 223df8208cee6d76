import { insertFromJson, jsonParameters } from "./json-rows.ts";

/** Requests of one minute and operation whose latency fell into one logarithmic bucket (wasm/abi.ts LATENCY_BUCKETS). */
export interface LatencyRow {
  minute: number;
  region: string;
  service: string;
  method: string;
  operation: string;
  bucket: number;
  requests: number;
}

export type LatencyTotal = Omit<LatencyRow, "minute" | "region">;

const key = ["minute", "region", "service", "method", "operation", "bucket"] as const;
const columns = [...key, "requests"] as const satisfies (keyof LatencyRow)[];
const upsert = insertFromJson(
  "latency",
  columns,
  `ON CONFLICT (${key.join(", ")}) DO UPDATE SET requests = requests + excluded.requests`,
);

/** Adds to the rows that stand; one row written per key. */
export function addLatency(db: D1Database, rows: readonly LatencyRow[]): D1PreparedStatement[] {
  return jsonParameters(rows.map((row) => columns.map((column) => row[column]))).map((json) => db.prepare(upsert).bind(json));
}

/** Bucket totals by operation over [fromMinute, toMinute). */
export function selectLatency(db: Pick<D1Database, "prepare">, fromMinute: number, toMinute: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT service, method, operation, bucket, SUM(requests) AS requests FROM latency
       WHERE minute >= ?1 AND minute < ?2 GROUP BY service, method, operation, bucket`,
    )
    .bind(fromMinute, toMinute);
}

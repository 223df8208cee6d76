import { insertFromJson, jsonParameters } from "./json-rows.ts";

/** What upstreams answered in one minute, by operation. */
export interface TrafficRow {
  minute: number;
  region: string;
  service: string;
  method: string;
  operation: string;
  /** Answers 1xx, 2xx, 3xx, 4xx, 5xx, and upstream failures (502 and 504 of ours). */
  statuses: number[];
  bytesIn: number;
  bytesOut: number;
}

const key = ["minute", "region", "service", "method", "operation"] as const;
const sums = [
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
  "upstream_failures",
  "bytes_in",
  "bytes_out",
] as const;
export const TRAFFIC_STATUSES = 6;
const upsert = insertFromJson(
  "traffic",
  [...key, ...sums],
  `ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${sums.map((sum) => `${sum} = ${sum} + excluded.${sum}`).join(", ")}`,
);

function values(row: TrafficRow): (string | number)[] {
  return [...key.map((column) => row[column]), ...row.statuses, row.bytesIn, row.bytesOut];
}

/** Adds to the rows that stand; one row written per key. */
export function addTraffic(db: D1Database, rows: readonly TrafficRow[]): D1PreparedStatement[] {
  return jsonParameters(rows.map(values)).map((json) => db.prepare(upsert).bind(json));
}

/** One row { failures }: upstream failures over [fromMinute, toMinute), null where there is no row. */
export function selectUpstreamFailures(
  db: Pick<D1Database, "prepare">,
  fromMinute: number,
  toMinute: number,
): D1PreparedStatement {
  return db
    .prepare("SELECT SUM(upstream_failures) AS failures FROM traffic WHERE minute >= ?1 AND minute < ?2")
    .bind(fromMinute, toMinute);
}

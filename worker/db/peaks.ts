import { insertFromJson, jsonParameters } from "./json-rows.ts";
import type { PeakRow } from "./peak-row.ts";

type Reader = Pick<D1Database, "prepare">;

/** Field → column: the list of the table's columns. */
const columns = {
  day: "day",
  region: "region",
  authenticator: "authenticator",
  principal: "principal",
  service: "service",
  method: "method",
  operation: "operation",
  minute: "minute",
  burst: "burst",
  asked: "asked",
} as const satisfies Record<keyof PeakRow, string>;
const key = "day, region, authenticator, principal, service, method, operation";
const fields = Object.keys(columns) as (keyof PeakRow)[];

const upsert = insertFromJson(
  "principal_peaks",
  Object.values(columns),
  `ON CONFLICT (${key}) DO UPDATE SET
     minute = MAX(minute, excluded.minute), burst = MAX(burst, excluded.burst), asked = MAX(asked, excluded.asked)`,
);

/** Raises the rows that stand; one row written per key. */
export function addPeaks(db: D1Database, rows: readonly PeakRow[]): D1PreparedStatement[] {
  return jsonParameters(rows.map((row) => fields.map((field) => row[field]))).map((json) => db.prepare(upsert).bind(json));
}

/** Deletes at most `chunk` rows of days before `day`. */
export function deleteExpiredPeaks(db: D1Database, day: number, chunk: number): D1PreparedStatement {
  return db
    .prepare(
      `DELETE FROM principal_peaks WHERE (${key}) IN (SELECT ${key} FROM principal_peaks WHERE day < ?1 ORDER BY day LIMIT ?2)`,
    )
    .bind(day, chunk);
}

/** Callers of an operation whose largest minute and largest ten seconds are the same. */
export interface PeakCell {
  service: string;
  method: string;
  operation: string;
  minute: number;
  burst: number;
  /** 1 = most of what they asked of the operation was refused. */
  refused: number;
  callers: number;
  /** The largest of them. */
  asked: number;
  /** The first day of the window on which one of them was seen. */
  firstDay: number;
  /** One of them: [authenticator, principal] as JSON. */
  caller: string;
}

// ?1 the first day, ?2 the service, '' = any. A caller's day is the sum over regions, its peak the largest day. Whether a caller was
// mostly refused is judged by all that is known of it (principal_operations), not by the window alone.
const peaks = `daily AS (
    SELECT service, method, operation, authenticator, principal, day,
      SUM(minute) AS minute, SUM(burst) AS burst, SUM(asked) AS asked
    FROM principal_peaks WHERE day >= ?1 AND (?2 = '' OR service = ?2)
    GROUP BY service, method, operation, authenticator, principal, day),
  peak AS (
    SELECT service, method, operation, authenticator, principal,
      MAX(minute) AS minute, MAX(burst) AS burst, MAX(asked) AS asked, MIN(day) AS day
    FROM daily GROUP BY service, method, operation, authenticator, principal),
  judged AS (
    SELECT p.*, p.minute = 0 OR COALESCE(o.refused > o.allowed, 0) AS refused FROM peak p
    LEFT JOIN principal_operations o USING (authenticator, principal, service, method, operation))`;

/** At most `limit` cells as PeakCell, operation by operation. */
export function selectPeakCells(db: Reader, firstDay: number, service: string, limit: number): D1PreparedStatement {
  return db
    .prepare(
      `WITH ${peaks} SELECT service, method, operation, minute, burst, refused, COUNT(*) AS callers, MAX(asked) AS asked,
         MIN(day) AS firstDay, MIN(json_array(authenticator, principal)) AS caller
       FROM judged GROUP BY service, method, operation, minute, burst, refused
       ORDER BY service, method, operation, minute, burst, refused LIMIT ?3`,
    )
    .bind(firstDay, service, limit);
}

export interface PeakCaller {
  authenticator: string;
  principal: string;
  service: string;
  method: string;
  operation: string;
  minute: number;
  burst: number;
}

/** The callers in these cells, the largest first, as PeakCaller. */
export function selectCallersIn(
  db: Reader,
  firstDay: number,
  service: string,
  cells: readonly Pick<PeakCell, "service" | "method" | "operation" | "minute" | "burst" | "refused">[],
  limit: number,
): D1PreparedStatement {
  const json = JSON.stringify(
    cells.map((cell) => [cell.service, cell.method, cell.operation, cell.minute, cell.burst, cell.refused]),
  );
  return db
    .prepare(
      `WITH ${peaks} SELECT authenticator, principal, service, method, operation, minute, burst FROM judged
       WHERE (service, method, operation, minute, burst, refused) IN
         (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?3))
       ORDER BY minute DESC, burst DESC, authenticator, principal LIMIT ?4`,
    )
    .bind(firstDay, service, json, limit);
}

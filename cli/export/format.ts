import type { EventRow } from "../../worker/db/event-row.ts";
import { csvText, csvTime } from "../../worker/export/csv.ts";
import { apiActivity, httpActivity, type Source } from "../../worker/export/ocsf.ts";

/** Rows as text, each line whole. @param isFirst nothing was written before */
export type Format = (rows: EventRow[], isFirst: boolean) => string;

export const formats = {
  ndjson: (): Format => (rows) => lines(rows),
  csv: (): Format => (rows, isFirst) =>
    csvText([...(isFirst ? [columns] : []), ...rows.map((row) => columns.map((name) => cell(row, name)))]),
  "ocsf-api":
    (source: Source): Format =>
    (rows) =>
      lines(rows.map((row) => apiActivity(row, source))),
  "ocsf-http":
    (source: Source): Format =>
    (rows) =>
      lines(rows.map((row) => httpActivity(row, source))),
} as const satisfies Record<string, (source: Source) => Format>;

export function isFormat(name: string): name is keyof typeof formats {
  return Object.hasOwn(formats, name);
}

const columns = [
  ...(["timeMs", "id", "region", "verdict", "reason", "service", "method", "operation", "path", "status", "latencyMs"] as const),
  ...(["bytesIn", "bytesOut", "principal", "kind", "authenticator", "limit", "address", "country", "asn", "colo"] as const),
  ...(["stratum", "weight", "threshold", "standsFor"] as const),
];

function cell(row: EventRow, name: (typeof columns)[number]): string | number {
  return name === "timeMs" ? csvTime(row.timeMs) : (row[name] ?? "");
}

function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

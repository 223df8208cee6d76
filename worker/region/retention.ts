import { deleteEndedApiKeys } from "../db/api-keys.ts";
import { deleteExpiredOverlay, deleteExpiredSignIns, deleteExpiredTelemetry } from "../db/expiry.ts";
import { deleteExpiredPeaks } from "../db/peaks.ts";
import { selectNewestPolicy } from "../db/policies.ts";
import { deleteExpiredCallers } from "../db/principals.ts";
import type { PolicyMeta } from "../policy/compiled.ts";

const DAY_MS = 86_400_000;
const DEFAULT_RETAIN_DAYS = 14;
const DEFAULT_ROWS_PER_DAY = 100_000;
/** A caller unseen for so long is forgotten: more than a year, so that what calls once a year is still known. */
const CALLER_DAYS = 400;
/** Peaks of so many days are kept: more than any month has, so that what comes at a month's end is always among them. */
const PEAK_DAYS = 40;
/** Rows of one DELETE: far below what a D1 query may take. */
const CHUNK_ROWS = 5_000;

export interface Retained {
  /** Rows that D1 billed for what was removed. */
  rowsWritten: number;
  /** False when the day's allowance ended first; the rest goes tomorrow. */
  complete: boolean;
}

/**
 * The daily clean-up: telemetry older than the policy's retainDays, callers long unseen, and sign-ins, revocations,
 * grants and exemptions that are over. Bounded by the half of
 * rowsPerDay that the regions leave for deletes.
 */
export async function retain(env: Pick<Env, "DB">, nowMs: number): Promise<Retained> {
  const { retainDays, rowsPerDay } = await telemetrySettings(env.DB);
  let rowsWritten = 0;
  const over = [
    ...deleteExpiredSignIns(env.DB, nowMs),
    ...deleteExpiredOverlay(env.DB, nowMs),
    deleteEndedApiKeys(env.DB, nowMs),
  ];
  for (const result of await env.DB.batch(over)) {
    rowsWritten += result.meta.rows_written;
  }
  const most = rowsPerDay / 2;
  const telemetryMs = nowMs - retainDays * DAY_MS;
  const callersMs = nowMs - CALLER_DAYS * DAY_MS;
  const telemetry = await drain(env.DB, (chunk) => deleteExpiredTelemetry(env.DB, telemetryMs, chunk), most - rowsWritten);
  rowsWritten += telemetry.rowsWritten;
  const peakDay = Math.floor(nowMs / DAY_MS) - PEAK_DAYS;
  const peaks = await drain(env.DB, (chunk) => [deleteExpiredPeaks(env.DB, peakDay, chunk)], most - rowsWritten);
  rowsWritten += peaks.rowsWritten;
  const callers = await drain(env.DB, (chunk) => deleteExpiredCallers(env.DB, callersMs, chunk), most - rowsWritten);
  return { rowsWritten: rowsWritten + callers.rowsWritten, complete: telemetry.complete && peaks.complete && callers.complete };
}

/** Deletes chunk by chunk until nothing is left, or `most` rows are gone. */
async function drain(db: D1Database, statements: (chunk: number) => D1PreparedStatement[], most: number): Promise<Retained> {
  let rowsWritten = 0;
  while (rowsWritten < most) {
    const results = await db.batch(statements(Math.ceil(Math.min(CHUNK_ROWS, (most - rowsWritten) / 4))));
    const removed = results.reduce((sum, result) => sum + result.meta.changes, 0);
    rowsWritten += results.reduce((sum, result) => sum + result.meta.rows_written, 0);
    if (removed === 0) return { rowsWritten, complete: true };
  }
  return { rowsWritten, complete: false };
}

async function telemetrySettings(db: D1Database): Promise<PolicyMeta["telemetry"]> {
  const row = await selectNewestPolicy(db).first<{ meta: string }>();
  if (!row) return { rowsPerDay: DEFAULT_ROWS_PER_DAY, retainDays: DEFAULT_RETAIN_DAYS };
  return (JSON.parse(row.meta) as PolicyMeta).telemetry;
}

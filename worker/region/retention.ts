import { deleteEndedApiKeys } from "../db/api-keys.ts";
import { deleteExpiredOverlay, deleteExpiredSignIns, deleteExpiredTelemetry } from "../db/expiry.ts";
import { selectNewestPolicy } from "../db/policies.ts";
import type { PolicyMeta } from "../policy/compiled.ts";

const DAY_MS = 86_400_000;
const DEFAULT_RETAIN_DAYS = 14;
const DEFAULT_ROWS_PER_DAY = 100_000;
/** Rows of one DELETE: far below what a D1 query may take. */
const CHUNK_ROWS = 5_000;

export interface Retained {
  /** Rows that D1 billed for what was removed. */
  rowsWritten: number;
  /** False when the day's allowance ended first; the rest goes tomorrow. */
  complete: boolean;
}

/**
 * The daily clean-up: telemetry older than the policy's retainDays, and sign-ins, revocations and
 * grants that are over. Bounded by the half of
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
  const beforeMs = nowMs - retainDays * DAY_MS;
  const most = rowsPerDay / 2;
  while (rowsWritten < most) {
    const chunk = Math.ceil(Math.min(CHUNK_ROWS, (most - rowsWritten) / 4));
    const results = await env.DB.batch(deleteExpiredTelemetry(env.DB, beforeMs, chunk));
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

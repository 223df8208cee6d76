import type { PeakRow } from "../db/peak-row.ts";
import type { CallerRows } from "../db/principals.ts";
import { type CallerTable, LEAST_ROWS } from "./caller-table.ts";
import type { PeakTable } from "./peak-table.ts";
import type { BatchRows } from "./plan-batch.ts";
import type { RowBudget } from "./row-budget.ts";

// What a reader of the callers' tables may count on, while the lane has rows saved up: a caller, an operation or a place that is new is
// there about five seconds after its first request, and counts are behind by five seconds to five minutes. Where there are more
// callers than the lane can pay for, rows come later, the oldest first; what no row counts is in regions.callers_unlisted.
// Peaks are never urgent: they wait for five minutes, and have a quarter of what the lane has saved up before callers have theirs, so
// that neither starves the other.

/** News waits so long for a batch that leaves anyway, before it gets one of its own. */
const FRESH_WAIT_MS = 2_000;
const FASTEST_MS = 5_000;
const SLOWEST_MS = 300_000;
const MAX_ROWS = 2_000;
const PEAK_SHARE = 0.25;
/** The region's own row, which every batch writes. */
export const HEAD_ROWS = 1;

/** Rows that stand are added to so often: as the lane can pay for all that wait. */
function refreshMs(table: CallerTable, budget: RowBudget): number {
  return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, (table.size / budget.rate("principals")) * 1000));
}

/** What the callers' lane pays for. */
interface Waiting {
  callers: CallerTable;
  peaks: PeakTable;
}

/** When a batch of callers and peaks alone may be built; Infinity while there are none. */
export function callersDueMs({ callers, peaks }: Waiting, budget: RowBudget, nowMs: number): number {
  const { oldestMs, freshSinceMs } = callers;
  const dueMs = Math.min(
    oldestMs === null ? Number.POSITIVE_INFINITY : oldestMs + refreshMs(callers, budget),
    freshSinceMs === null ? Number.POSITIVE_INFINITY : freshSinceMs + FRESH_WAIT_MS,
    peaks.oldestMs === null ? Number.POSITIVE_INFINITY : peaks.oldestMs + SLOWEST_MS,
  );
  const lacking = HEAD_ROWS + LEAST_ROWS - budget.available("principals", nowMs);
  if (lacking <= 0) return dueMs;
  return Math.max(dueMs, nowMs + Math.min(SLOWEST_MS, (lacking / budget.rate("principals")) * 1000));
}

/** Moves out of `table` what has waited and what their share has room for now, and reserves it. */
export function planPeaks(table: PeakTable, budget: RowBudget, nowMs: number): PeakRow[] {
  const room = Math.floor(budget.available("principals", nowMs) * PEAK_SHARE);
  const rows = table.take(Math.min(MAX_ROWS, room), nowMs - SLOWEST_MS);
  budget.reserve("principals", rows.length);
  return rows;
}

/** Moves out of `table` what the budget has room for now, and reserves it. */
export function planCallers(table: CallerTable, budget: RowBudget, nowMs: number): CallerRows {
  return take(table, budget, budget.available("principals", nowMs), nowMs);
}

/** A batch of nothing else, which the callers' lane pays for; null when it has no room, or nothing is due. */
export function planCallersAlone(waiting: Waiting, budget: RowBudget, nowMs: number): BatchRows | null {
  if (budget.available("principals", nowMs) <= HEAD_ROWS) return null;
  const peaks = planPeaks(waiting.peaks, budget, nowMs);
  const callers = take(waiting.callers, budget, budget.available("principals", nowMs) - HEAD_ROWS, nowMs);
  if (callers.principals.length + peaks.length === 0) return null;
  budget.reserve("principals", HEAD_ROWS);
  return { rollups: [], traffic: [], latency: [], events: [], callers, peaks };
}

function take(table: CallerTable, budget: RowBudget, room: number, nowMs: number): CallerRows {
  const callers = table.take(Math.min(MAX_ROWS, room), nowMs - refreshMs(table, budget));
  budget.reserve("principals", callers.principals.length + callers.operations.length + callers.places.length);
  return callers;
}

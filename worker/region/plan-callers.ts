import type { CallerRows } from "../db/principals.ts";
import { type CallerTable, LEAST_ROWS } from "./caller-table.ts";
import type { BatchRows } from "./plan-batch.ts";
import type { RowBudget } from "./row-budget.ts";

// What a reader of the callers' tables may count on, while the lane has rows saved up: a caller, an operation or a place that is new is
// there about five seconds after its first request, and counts are behind by five seconds to five minutes. Where there are more
// callers than the lane can pay for, rows come later, the oldest first; what no row counts is in regions.callers_unlisted.

/** News waits so long for a batch that leaves anyway, before it gets one of its own. */
const FRESH_WAIT_MS = 2_000;
const FASTEST_MS = 5_000;
const SLOWEST_MS = 300_000;
const MAX_ROWS = 2_000;
/** The region's own row, which every batch writes. */
export const HEAD_ROWS = 1;

/** Rows that stand are added to so often: as the lane can pay for all that wait. */
function refreshMs(table: CallerTable, budget: RowBudget): number {
  return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, (table.size / budget.rate("principals")) * 1000));
}

/** When a batch of callers alone may be built; Infinity while there are none. */
export function callersDueMs(table: CallerTable, budget: RowBudget, nowMs: number): number {
  const { oldestMs, freshSinceMs } = table;
  if (oldestMs === null) return Number.POSITIVE_INFINITY;
  const refreshedMs = oldestMs + refreshMs(table, budget);
  const dueMs = freshSinceMs === null ? refreshedMs : Math.min(refreshedMs, freshSinceMs + FRESH_WAIT_MS);
  const lacking = HEAD_ROWS + LEAST_ROWS - budget.available("principals", nowMs);
  if (lacking <= 0) return dueMs;
  return Math.max(dueMs, nowMs + Math.min(SLOWEST_MS, (lacking / budget.rate("principals")) * 1000));
}

/** Moves out of `table` what the budget has room for now, and reserves it. */
export function planCallers(table: CallerTable, budget: RowBudget, nowMs: number): CallerRows {
  return take(table, budget, budget.available("principals", nowMs), nowMs);
}

/** A batch of nothing else, which the callers' lane pays for; null when it has no room, or nothing is due. */
export function planCallersAlone(table: CallerTable, budget: RowBudget, nowMs: number): BatchRows | null {
  const callers = take(table, budget, budget.available("principals", nowMs) - HEAD_ROWS, nowMs);
  if (callers.principals.length === 0) return null;
  budget.reserve("principals", HEAD_ROWS);
  return { rollups: [], traffic: [], latency: [], events: [], callers };
}

function take(table: CallerTable, budget: RowBudget, room: number, nowMs: number): CallerRows {
  const callers = table.take(Math.min(MAX_ROWS, room), nowMs - refreshMs(table, budget));
  budget.reserve("principals", callers.principals.length + callers.operations.length + callers.places.length);
  return callers;
}

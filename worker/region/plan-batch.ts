import type { EventRow } from "../db/event-row.ts";
import type { LatencyRow } from "../db/latency.ts";
import type { PeakRow } from "../db/peak-row.ts";
import type { CallerRows } from "../db/principals.ts";
import type { RollupRow } from "../db/rollups.ts";
import type { TrafficRow } from "../db/traffic.ts";
import type { Pending } from "./pending.ts";
import { HEAD_ROWS, planCallers, planPeaks } from "./plan-callers.ts";
import type { RowBudget } from "./row-budget.ts";

const FASTEST_MS = 1_000;
/** After so long without room for every row, rows are folded until they fit. */
const PATIENCE_MS = 300_000;
/** Latency rows are written when their minute is over, and the reports of its last second have come. */
const MINUTE_SETTLED_MS = 5_000;
const MAX_EVENTS = 1_000;

export interface BatchRows {
  rollups: RollupRow[];
  traffic: TrafficRow[];
  latency: LatencyRow[];
  events: EventRow[];
  callers: CallerRows;
  peaks: PeakRow[];
}

/**
 * Time to leave between two batches: at the rate of its lane, what the counts cost now; shorter the more has been saved up. So a
 * quiet installation is written each second, and a small budget less often.
 */
export function batchIntervalMs(pending: Pending, budget: RowBudget, nowMs: number): number {
  const rows = HEAD_ROWS + pending.rollups.size + pending.traffic.size;
  const rate = budget.rate("counts");
  const affordableMs = rate > 0 ? (rows / rate) * 1000 * (1 - budget.fill("counts", nowMs)) : PATIENCE_MS;
  return Math.min(PATIENCE_MS, Math.max(FASTEST_MS, affordableMs));
}

/**
 * Moves out of `pending` what the budget has room for now, and reserves it; null when it has not. Counts go first and whole, so
 * that every request that leaves is stored; then latency of closed minutes; then callers; then samples.
 */
export function planBatch(pending: Pending, budget: RowBudget, sinceLastMs: number, nowMs: number): BatchRows | null {
  const counts = planCounts(pending, budget, sinceLastMs, nowMs);
  if (!counts) return null;
  return {
    ...counts,
    latency: planLatency(pending, budget, nowMs),
    peaks: planPeaks(pending.peaks, budget, nowMs),
    callers: planCallers(pending.callers, budget, nowMs),
    events: planEvents(pending, budget, sinceLastMs, nowMs),
  };
}

function planCounts(pending: Pending, budget: RowBudget, sinceLastMs: number, nowMs: number) {
  const all = { rollups: pending.rollups.rows(), traffic: pending.traffic.rows() };
  const room = budget.available("counts", nowMs) - HEAD_ROWS;
  const fits = all.rollups.length + all.traffic.length <= room;
  if (!fits && sinceLastMs < PATIENCE_MS) return null;
  const rows = fits ? all : foldCounts(pending, all, room);
  if (!rows) return null;
  pending.rollups.remove(all.rollups);
  pending.traffic.remove(all.traffic);
  budget.reserve("counts", HEAD_ROWS + rows.rollups.length + rows.traffic.length);
  return rows;
}

function foldCounts(pending: Pending, all: { rollups: RollupRow[]; traffic: TrafficRow[] }, room: number) {
  const rollups = pending.rollups.fit(all.rollups, Math.ceil(room * 0.7));
  const traffic = rollups && pending.traffic.fit(all.traffic, room - rollups.length);
  return rollups && traffic && { rollups, traffic };
}

function planLatency(pending: Pending, budget: RowBudget, nowMs: number): LatencyRow[] {
  const open = Math.floor((nowMs - MINUTE_SETTLED_MS) / 60_000);
  const closed = pending.latency.rows().filter((row) => row.minute < open);
  const rows = pending.latency.fit(closed, budget.available("latency", nowMs)) ?? [];
  if (rows.length === 0) return [];
  pending.latency.remove(closed);
  budget.reserve("latency", rows.length);
  return rows;
}

function planEvents(pending: Pending, budget: RowBudget, sinceLastMs: number, nowMs: number): EventRow[] {
  const limit = eventAllowance(budget, sinceLastMs, nowMs);
  if (limit < 1) return [];
  const events = pending.samples.take(limit).map((event) => ({ ...event, standsFor: Math.max(event.weight, event.threshold) }));
  budget.reserve("events", events.length);
  return events;
}

/** Events that one batch may carry: what accrued since the last one, or a quarter of what is saved up if that is more. */
export function eventAllowance(budget: RowBudget, sinceLastMs: number, nowMs: number): number {
  const available = budget.available("events", nowMs);
  const steady = Math.max((budget.rate("events") * sinceLastMs) / 1000, available / 4);
  return Math.floor(Math.min(MAX_EVENTS, available, steady));
}

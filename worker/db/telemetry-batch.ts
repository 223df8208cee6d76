import type { EventRow } from "./event-row.ts";
import { addEvents } from "./events.ts";
import { addLatency, type LatencyRow } from "./latency.ts";
import { generationIn, selectOverlayGeneration } from "./overlay-generation.ts";
import type { PeakRow } from "./peak-row.ts";
import { addPeaks } from "./peaks.ts";
import { selectNewestVersion } from "./policies.ts";
import { addCallers, type CallerRows } from "./principals.ts";
import { advanceRegion, type BatchHead, selectBatchSeq } from "./regions.ts";
import { addRollups, type RollupRow } from "./rollups.ts";
import { addTraffic, type TrafficRow } from "./traffic.ts";

/** One region's write: fixed content under a number, applied whole and once. */
export interface TelemetryBatch {
  head: BatchHead;
  rollups: RollupRow[];
  traffic: TrafficRow[];
  latency: LatencyRow[];
  events: EventRow[];
  callers: CallerRows;
  peaks: PeakRow[];
}

export interface BatchOutcome {
  /** Rows that D1 bills for it, index entries included; null when it had been applied by an earlier, unanswered attempt. */
  rowsWritten: number | null;
  /** Newest policy version, 0 = none; null when it was not read. */
  policyVersion: number | null;
  /** Generation of revocations and grants; null when it was not read. */
  overlayGeneration: number | null;
}

/** Rows that the batch writes: one for each, since no telemetry table has a second index, and one for the region. */
export function batchRows(batch: TelemetryBatch): number {
  const { rollups, traffic, latency, events, callers, peaks } = batch;
  const tables = [rollups, traffic, latency, events, callers.principals, callers.operations, callers.places, peaks];
  return tables.reduce((sum, rows) => sum + rows.length, 1);
}

/** Writes the batch, or finds that it stands already. Throws what D1 throws when it did neither. */
export async function writeBatch(db: D1Database, batch: TelemetryBatch): Promise<BatchOutcome> {
  const statements = [
    advanceRegion(db, batch.head),
    ...addRollups(db, batch.rollups),
    ...addTraffic(db, batch.traffic),
    ...addLatency(db, batch.latency),
    ...addEvents(db, batch.events),
    ...addCallers(db, batch.callers),
    ...addPeaks(db, batch.peaks),
    selectNewestVersion(db),
    selectOverlayGeneration(db),
  ];
  try {
    const results = await db.batch<{ version: number | null }>(statements);
    const rowsWritten = results.reduce((sum, result) => sum + result.meta.rows_written, 0);
    const policyVersion = results.at(-2)?.results[0]?.version ?? 0;
    return { rowsWritten, policyVersion, overlayGeneration: generationIn(results.at(-1)) };
  } catch (error) {
    if (await isApplied(db, batch.head)) return { rowsWritten: null, policyVersion: null, overlayGeneration: null };
    throw error;
  }
}

async function isApplied(db: D1Database, head: BatchHead): Promise<boolean> {
  const row = await selectBatchSeq(db, head.region, head.incarnation).first<{ batchSeq: number }>();
  return row !== null && row.batchSeq >= head.batchSeq;
}

import { MAX_SAMPLES, STRATA } from "../../wasm/abi.ts";
import type { LatencyRow } from "../db/latency.ts";
import type { RollupRow } from "../db/rollups.ts";
import type { TrafficRow } from "../db/traffic.ts";
import { CallerTable, type Unlisted, type WaitingCaller } from "./caller-table.ts";
import { KeyedRows } from "./keyed-rows.ts";
import { PeakTable, type RunningPeak } from "./peak-table.ts";
import type { OperationName, Report, SampledEvent } from "./report.ts";
import { latencyKind, rollupKind, trafficKind } from "./row-kinds.ts";
import { SampleUnion } from "./sample-union.ts";

const MAX_COUNT_ROWS = 4096;
const MAX_LATENCY_ROWS = 8192;
/** A report is counted under the minute in which it ended, but never one longer ago: late reports are told as recent. */
const OLDEST_MS = 15 * 60_000;
const UNKNOWN: OperationName = { service: "", method: "", operation: "(unknown)" };

export interface PendingRows {
  rollups: RollupRow[];
  traffic: TrafficRow[];
  latency: LatencyRow[];
  samples: SampledEvent[];
}

/** All that is to survive a restart. Readers of D1 are not told of callers, whose rows may be late by minutes. */
export interface Carry extends PendingRows {
  callers: WaitingCaller[];
  peaks: RunningPeak[];
}

/** What has been reported and not yet put into a batch. Every table is bounded; only detail can be lost here. */
export class Pending {
  readonly rollups = new KeyedRows(rollupKind, MAX_COUNT_ROWS);
  readonly traffic = new KeyedRows(trafficKind, MAX_COUNT_ROWS);
  readonly latency = new KeyedRows(latencyKind, MAX_LATENCY_ROWS);
  readonly samples = new SampleUnion(STRATA, MAX_SAMPLES);
  readonly callers = new CallerTable();
  readonly peaks = new PeakTable();

  /** Requests in here: what the rollups sum up to. */
  get requests(): number {
    return this.rollups.rows().reduce((sum, row) => sum + row.requests, 0);
  }

  /** Apart from callers and their peaks. */
  get isEmpty(): boolean {
    return this.rollups.size + this.traffic.size + this.latency.size + this.samples.size === 0;
  }

  /** Answers what there was no room for. */
  merge(report: Report, nowMs: number): Unlisted & { peaks: number } {
    const minute = Math.floor(Math.max(nowMs - OLDEST_MS, Math.min(report.toMs, nowMs)) / 60_000);
    const place = (operation: number) => ({ minute, region: report.region, ...(report.operations[operation] ?? UNKNOWN) });
    for (const { operation, verdict, reason, requests } of report.rollups) {
      if (requests > 0) this.rollups.add({ ...place(operation), verdict, reason, requests });
    }
    for (const { operation, statuses, bytesIn, bytesOut, latency } of report.traffic) {
      const at = place(operation);
      this.traffic.add({ ...at, statuses, bytesIn, bytesOut });
      for (const [bucket, requests] of latency) this.latency.add({ ...at, bucket, requests });
    }
    for (const sample of report.samples) this.samples.offer(sample);
    const unlisted = { callers: 0, places: 0, peaks: 0 };
    for (const caller of report.callers) {
      const { callers, places } = this.callers.add(caller, report.operations, nowMs);
      unlisted.callers += callers;
      unlisted.places += places;
      unlisted.peaks += this.peaks.add(caller, report.operations, report.region, nowMs);
    }
    return unlisted;
  }

  rows(): PendingRows {
    return {
      rollups: this.rollups.rows(),
      traffic: this.traffic.rows(),
      latency: this.latency.rows(),
      samples: this.samples.peek(),
    };
  }

  carry(): Carry {
    return { ...this.rows(), callers: this.callers.save(), peaks: this.peaks.save() };
  }

  restore(rows: Carry): void {
    for (const row of rows.rollups) this.rollups.add(row);
    for (const row of rows.traffic) this.traffic.add(row);
    for (const row of rows.latency) this.latency.add(row);
    for (const sample of rows.samples) this.samples.offer(sample);
    this.callers.restore(rows.callers);
    this.peaks.restore(rows.peaks);
  }
}

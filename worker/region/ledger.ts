import { type BatchOutcome, batchRows, type TelemetryBatch } from "../db/telemetry-batch.ts";
import { checkReport, type ReportRefusal } from "./check-report.ts";
import { IsolateMemory } from "./isolate-memory.ts";
import { Journal, type Totals } from "./journal.ts";
import { Pending, type PendingRows } from "./pending.ts";
import { type BatchRows, batchIntervalMs, planBatch } from "./plan-batch.ts";
import { callersDueMs, planCallersAlone } from "./plan-callers.ts";
import { Pulse, type PulseStep } from "./pulse.ts";
import type { Report } from "./report.ts";
import { RowBudget } from "./row-budget.ts";

/** Isolates whose last numbers are remembered: far more than report at one time. */
const MAX_ISOLATES = 4096;
/** Acknowledged batches kept in memory for readers whose D1 read is older. */
const MAX_RECENT = 8;
/** The journal is folded into a carry beyond this, when D1 takes no batches. */
const MAX_INBOX_REPORTS = 2_000;
const MAX_INBOX_CHARACTERS = 8_000_000;

/** Requests since this incarnation began. reported = stored + dropped + pending. */
export interface Accounts {
  reported: number;
  stored: number;
  dropped: number;
  pending: number;
}

export type Accepted = { state: "taken"; counts: PulseStep } | { state: "repeat" } | { state: "refused"; code: ReportRefusal };

/**
 * A region's memory of what was reported: pending rows, what is on its way to D1 (at most one batch, its content fixed), and the
 * account of every request. Everything here can be rebuilt from the journal; only the pulse and recent batches may be lost.
 */
export class Ledger {
  readonly #region: string;
  readonly #journal: Journal;
  readonly #totals: Totals;
  /** Totals as of the last commit: what the inbox's reports are added to when the journal is replayed. */
  #committed: Totals;
  readonly #isolates = new IsolateMemory(MAX_ISOLATES);
  readonly pending = new Pending();
  readonly pulse = new Pulse();
  readonly budget: RowBudget;
  #outbox: TelemetryBatch | null = null;
  #recent: TelemetryBatch[] = [];
  #inboxReports = 0;
  #inboxCharacters = 0;

  /** Restores what the journal holds. `incarnation` is used when it holds nothing. */
  constructor(region: string, journal: Journal, incarnation: string, rowsPerDay: number, regions: number, nowMs: number) {
    this.#region = region;
    this.#journal = journal;
    this.budget = new RowBudget(rowsPerDay, regions, nowMs);
    const { totals, isolates, carry, outbox, pulse, reports } = journal.load();
    this.#totals = totals ?? {
      incarnation,
      reported: 0,
      stored: 0,
      dropped: 0,
      batchSeq: 0,
      lastBatchMs: 0,
      lastReportMs: 0,
      callersUnlisted: 0,
      placesUnlisted: 0,
      peaksUnlisted: 0,
      budget: null,
    };
    this.#committed = { ...this.#totals };
    if (this.#totals.budget) this.budget.restore(this.#totals.budget);
    this.#isolates.restore(isolates);
    if (carry) this.pending.restore(carry);
    if (pulse) this.pulse.restore(pulse);
    this.#outbox = outbox;
    for (const { report, receivedMs } of reports) this.#merge(report, receivedMs);
    this.#inboxReports = reports.length;
    if (!totals) this.#commit(undefined);
  }

  get incarnation(): string {
    return this.#totals.incarnation;
  }

  get lastReportMs(): number | null {
    return this.#totals.lastReportMs || null;
  }

  get activeIsolates(): number {
    return this.#isolates.active;
  }

  get outbox(): TelemetryBatch | null {
    return this.#outbox;
  }

  /** Takes a report once: journaled before it is merged, so that what is acknowledged survives. */
  accept(value: unknown, nowMs: number): Accepted {
    const code = checkReport(value, this.#region);
    if (code) return { state: "refused", code };
    const report = value as Report;
    if (this.#isolates.isRepeat(report.isolate, report.seq)) return { state: "repeat" };
    const json = JSON.stringify(report);
    if (!Journal.fits(json)) return { state: "refused", code: "report_too_large" };
    this.#journal.append(json, nowMs);
    this.#inboxReports++;
    this.#inboxCharacters += json.length;
    const counts = this.#merge(report, nowMs);
    if (this.#inboxReports >= MAX_INBOX_REPORTS || this.#inboxCharacters >= MAX_INBOX_CHARACTERS) this.#commit(undefined);
    return { state: "taken", counts };
  }

  /** Requests of authenticated callers that no row of theirs counts, or no peak, and places left out, since this incarnation began. */
  get unlisted(): Pick<Totals, "callersUnlisted" | "placesUnlisted" | "peaksUnlisted"> {
    const { callersUnlisted, placesUnlisted, peaksUnlisted } = this.#totals;
    return { callersUnlisted, placesUnlisted, peaksUnlisted };
  }

  accounts(): Accounts {
    const { reported, stored, dropped } = this.#totals;
    return { reported, stored, dropped, pending: this.pending.requests + (this.#outbox?.head.stored ?? 0) };
  }

  /** When the next batch may be built, ms; null while there is nothing to write or one is on its way. */
  nextBatchMs(nowMs: number): number | null {
    if (this.#outbox) return null;
    const dueMs = Math.min(this.#countsDueMs(nowMs), callersDueMs(this.pending, this.budget, nowMs));
    return Number.isFinite(dueMs) ? dueMs : null;
  }

  /** The batch to send now: the one on its way, or a new one when it is due and within budget. */
  batch(nowMs: number): TelemetryBatch | null {
    if (this.#outbox) return this.#outbox;
    const rows = this.#plan(nowMs);
    if (!rows) return null;
    const { incarnation, reported, dropped, lastReportMs } = this.#totals;
    const stored = rows.rollups.reduce((sum, row) => sum + row.requests, 0);
    this.#totals.batchSeq++;
    const { batchSeq } = this.#totals;
    const head = { region: this.#region, incarnation, batchSeq, reported, stored, dropped, lastReportMs, ...this.unlisted };
    this.#outbox = { head, ...rows };
    this.#commit(this.#outbox);
    return this.#outbox;
  }

  #countsDueMs(nowMs: number): number {
    if (this.pending.isEmpty) return Number.POSITIVE_INFINITY;
    return this.#totals.lastBatchMs + batchIntervalMs(this.pending, this.budget, nowMs);
  }

  /** What is to be sent now, callers alone where counts are not due: the pace of counts is their own. */
  #plan(nowMs: number): BatchRows | null {
    if (this.#countsDueMs(nowMs) <= nowMs) {
      const rows = planBatch(this.pending, this.budget, nowMs - this.#totals.lastBatchMs, nowMs);
      if (rows) this.#totals.lastBatchMs = nowMs;
      if (rows) return rows;
    }
    return callersDueMs(this.pending, this.budget, nowMs) <= nowMs ? planCallersAlone(this.pending, this.budget, nowMs) : null;
  }

  /** D1 has the batch. */
  acknowledge(batch: TelemetryBatch, outcome: BatchOutcome, nowMs: number): void {
    if (this.#outbox !== batch) return;
    this.#outbox = null;
    this.#recent = [...this.#recent, batch].slice(-MAX_RECENT);
    this.#totals.stored += batch.head.stored;
    this.budget.settle(outcome.rowsWritten ?? batchRows(batch), nowMs);
    this.#totals.budget = this.budget.save();
    // Reports that came while the batch was on its way are still in the inbox: to write them into the totals too would count
    // them twice after a restart.
    this.#committed = { ...this.#committed, stored: this.#totals.stored, budget: this.#totals.budget };
    this.#journal.acknowledge(this.#committed);
  }

  /**
   * Everything that D1 does not show yet to a reader who saw batch `afterSeq` of this incarnation; null when some of it is no
   * longer in memory (the reader is to read D1 again).
   */
  unread(afterSeq: number): PendingRows | null {
    const batches = [...this.#recent, ...(this.#outbox ? [this.#outbox] : [])].filter((batch) => batch.head.batchSeq > afterSeq);
    if (batches.length !== Math.max(0, this.#totals.batchSeq - afterSeq)) return null;
    const rows = this.pending.rows();
    for (const batch of batches) {
      rows.rollups.push(...batch.rollups);
      rows.traffic.push(...batch.traffic);
      rows.latency.push(...batch.latency);
      rows.samples.push(...(batch.events as PendingRows["samples"]));
    }
    return rows;
  }

  #merge(report: Report, nowMs: number): PulseStep {
    this.#isolates.remember(report.isolate, report.seq, nowMs);
    const unlisted = this.pending.merge(report, nowMs);
    this.#totals.callersUnlisted += report.counters.callersUnlisted + unlisted.callers;
    this.#totals.placesUnlisted += report.counters.placesUnlisted + unlisted.places;
    this.#totals.peaksUnlisted += report.counters.callersUnlisted + unlisted.peaks;
    // What an isolate had to drop was reported nowhere else: it is accounted for here, as reported and as dropped.
    this.#totals.reported += report.requests + report.counters.requestsDropped;
    this.#totals.dropped += report.counters.requestsDropped;
    this.#totals.lastReportMs = nowMs;
    const counts = { requests: report.requests, refused: requestsOf(report, "refuse"), shadow: requestsOf(report, "shadow") };
    this.pulse.add(Math.min(report.fromMs, nowMs), Math.min(report.toMs, nowMs), counts);
    return counts;
  }

  #commit(outbox: TelemetryBatch | undefined): void {
    this.#totals.budget = this.budget.save();
    const change = {
      totals: this.#totals,
      isolates: this.#isolates.takeChanges(),
      carry: this.pending.carry(),
      pulse: this.pulse.save(),
    };
    this.#journal.commit(outbox ? { ...change, outbox } : change);
    this.#committed = { ...this.#totals };
    this.#inboxReports = 0;
    this.#inboxCharacters = 0;
  }
}

function requestsOf(report: Report, verdict: string): number {
  return report.rollups.reduce((sum, rollup) => sum + (rollup.verdict === verdict ? rollup.requests : 0), 0);
}

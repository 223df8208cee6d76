import type { TelemetryBatch } from "../db/telemetry-batch.ts";
import type { IsolateRow } from "./isolate-memory.ts";
import type { Carry } from "./pending.ts";
import type { Pulse } from "./pulse.ts";
import type { Report } from "./report.ts";
import type { SavedBudget } from "./row-budget.ts";

/** The object's own SQLite. Counts are requests since this incarnation began, as of its last commit. */
export interface Totals {
  incarnation: string;
  reported: number;
  stored: number;
  dropped: number;
  /** Number of the last batch that was built. */
  batchSeq: number;
  lastBatchMs: number;
  lastReportMs: number;
  /** Requests of authenticated callers that no row of theirs counts, and places left out. */
  callersUnlisted: number;
  placesUnlisted: number;
  /** Requests that no peak counts. */
  peaksUnlisted: number;
  budget: SavedBudget | null;
}

export interface Journaled {
  totals: Totals | null;
  isolates: IsolateRow[];
  carry: Carry | null;
  outbox: TelemetryBatch | null;
  pulse: ReturnType<Pulse["save"]> | null;
  /** Reports since the last commit, in the order in which they came. */
  reports: { receivedMs: number; report: Report }[];
}

export interface Commit {
  totals: Totals;
  isolates: { changed: IsolateRow[]; forgotten: string[] };
  carry: Carry;
  pulse: ReturnType<Pulse["save"]>;
  /** undefined leaves the one that stands. */
  outbox?: TelemetryBatch;
}

const schema = [
  "CREATE TABLE IF NOT EXISTS inbox (id INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, report TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS isolates (isolate TEXT PRIMARY KEY, seq INTEGER NOT NULL, window INTEGER NOT NULL, seen_ms INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS documents (name TEXT NOT NULL, chunk INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (name, chunk)) WITHOUT ROWID",
];

/** Characters of one row: Durable Object SQLite takes 2 MB, and a UTF-16 unit is at most 3 bytes of UTF-8. */
const CHUNK_CHARACTERS = 600_000;
const ROW_BYTES = 1_900_000;

/**
 * What makes the region's memory durable: reports are appended as they come (one row each), and now and then a commit turns them
 * into a batch for D1 and a carry of what did not go into it. Reading it back is replaying it.
 */
export class Journal {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    for (const statement of schema) this.#sql.exec(statement);
  }

  /** True when it fits in a row. */
  static fits(reportJson: string): boolean {
    return reportJson.length <= CHUNK_CHARACTERS || new TextEncoder().encode(reportJson).length <= ROW_BYTES;
  }

  append(reportJson: string, receivedMs: number): void {
    this.#sql.exec("INSERT INTO inbox (received_ms, report) VALUES (?, ?)", receivedMs, reportJson);
  }

  load(): Journaled {
    const isolates = this.#sql.exec(`SELECT isolate, seq, window, seen_ms AS "seenMs" FROM isolates ORDER BY seen_ms`);
    const inbox = this.#sql.exec<{ receivedMs: number; report: string }>(
      `SELECT received_ms AS "receivedMs", report FROM inbox ORDER BY id`,
    );
    return withCallers({
      totals: this.#read<Totals>("totals"),
      isolates: isolates.toArray() as unknown as IsolateRow[],
      carry: this.#read<Carry>("carry"),
      outbox: this.#read<TelemetryBatch>("outbox"),
      pulse: this.#read<ReturnType<Pulse["save"]>>("pulse"),
      reports: [...inbox].map(({ receivedMs, report }) => ({ receivedMs, report: JSON.parse(report) as Report })),
    });
  }

  /** Replaces the inbox by what it came to, at once or not at all. */
  commit({ totals, isolates, carry, pulse, outbox }: Commit): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM inbox");
      this.#write("totals", totals);
      this.#write("carry", carry);
      this.#write("pulse", pulse);
      if (outbox) this.#write("outbox", outbox);
      this.#writeIsolates(isolates);
    });
  }

  /** The outbox was applied. */
  acknowledge(totals: Totals): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM documents WHERE name = 'outbox'");
      this.#write("totals", totals);
    });
  }

  #writeIsolates({ changed, forgotten }: Commit["isolates"]): void {
    for (const { isolate, seq, window, seenMs } of changed) {
      this.#sql.exec("INSERT OR REPLACE INTO isolates VALUES (?, ?, ?, ?)", isolate, seq, window, seenMs);
    }
    for (const isolate of forgotten) this.#sql.exec("DELETE FROM isolates WHERE isolate = ?", isolate);
  }

  #write(name: string, value: unknown): void {
    const json = JSON.stringify(value);
    this.#sql.exec("DELETE FROM documents WHERE name = ?", name);
    for (let chunk = 0; chunk * CHUNK_CHARACTERS < json.length; chunk++) {
      const part = json.slice(chunk * CHUNK_CHARACTERS, (chunk + 1) * CHUNK_CHARACTERS);
      this.#sql.exec("INSERT INTO documents VALUES (?, ?, ?)", name, chunk, part);
    }
  }

  #read<T>(name: string): T | null {
    const rows = this.#sql.exec<{ json: string }>("SELECT json FROM documents WHERE name = ? ORDER BY chunk", name).toArray();
    return rows.length === 0 ? null : (JSON.parse(rows.map((row) => row.json).join("")) as T);
  }
}

const NO_CALLERS = { callersUnlisted: 0, placesUnlisted: 0, peaksUnlisted: 0 };

/** What was journaled before callers were (report version 1), or their peaks, has none: it is still acknowledged, and must be read. */
function withCallers({ totals, carry, outbox, reports, ...rest }: Journaled): Journaled {
  return {
    ...rest,
    totals: totals && { ...NO_CALLERS, ...totals },
    carry: carry && { ...carry, callers: carry.callers ?? [], peaks: carry.peaks ?? [] },
    outbox: outbox && {
      ...outbox,
      head: { ...NO_CALLERS, ...outbox.head },
      callers: outbox.callers ?? { principals: [], operations: [], places: [] },
      peaks: outbox.peaks ?? [],
    },
    reports: reports.map(({ receivedMs, report }) => ({
      receivedMs,
      report: { ...report, callers: report.callers ?? [], counters: { ...NO_CALLERS, ...report.counters } },
    })),
  };
}

import type { PeakRow } from "../db/peak-row.ts";
import { type Bin, countIn } from "./peak-bins.ts";
import type { CallerIncrement, OperationName } from "./report.ts";

/** A day's peaks of a caller on an operation, and the stretches of time that may still grow. JSON-safe. */
export interface RunningPeak {
  row: PeakRow;
  minutes: Bin[];
  bursts: Bin[];
  /** What D1 was given: [minute, burst, asked]. */
  told: [number, number, number];
  /** Since when there is something to write. */
  sinceMs: number;
}

const MINUTE_MS = 60_000;
const BURST_MS = 10_000;
const DAY_MS = 86_400_000;
/** A rise that is worth a row: the suggestion's margin (worker/soc/limit-suggestion.ts) is wider. */
const STEP = 1.1;
const MOST = 8_192;

// U+0000 is in no name (check-report.ts), so keys of different rows differ.
const keyOf = ({ day, authenticator, principal, service, method, operation }: PeakRow) =>
  `${day}\0${authenticator}\0${principal}\0${service}\0${method}\0${operation}`;

/**
 * The most that each caller did on each operation within one minute, and within ten seconds, of a day. An increment counts whole at the
 * moment of the caller's last request in its report, which is about a second long. Bounded: who has nothing to write and
 * called longest ago makes room; where nobody does, the requests are answered as a count.
 */
export class PeakTable {
  readonly #most: number;
  /** In the order of `sinceMs`. */
  readonly #waiting = new Map<string, RunningPeak>();
  /** D1 knows them; in the order in which they last called. */
  readonly #settled = new Map<string, RunningPeak>();
  #newestMinute = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** Rows that wait to be written. */
  get size(): number {
    return this.#waiting.size;
  }

  get oldestMs(): number | null {
    return this.#waiting.values().next().value?.sinceMs ?? null;
  }

  /**
   * @param names of the operations that the report refers to
   * @returns requests that there was no room for
   */
  add(caller: CallerIncrement, names: readonly OperationName[], region: string, nowMs: number): number {
    const { authenticator, principal } = caller;
    const atMs = Math.min(caller.lastMs, nowMs);
    const day = Math.floor(atMs / DAY_MS);
    this.#newestMinute = Math.max(this.#newestMinute, Math.floor(atMs / MINUTE_MS));
    let unlisted = 0;
    for (const [index, passed, refused] of caller.operations) {
      const name = names[index];
      if (name === undefined || passed + refused === 0) continue;
      const { service, method, operation } = name;
      const row = { day, region, authenticator, principal, service, method, operation, minute: 0, burst: 0, asked: 0 };
      if (!this.#count(row, atMs, passed, passed + refused, nowMs)) unlisted += passed + refused;
    }
    return unlisted;
  }

  /** Takes out at most `room` rows of what has waited since `beforeMs`, the oldest first. */
  take(room: number, beforeMs: number): PeakRow[] {
    const rows: PeakRow[] = [];
    for (const [key, entry] of this.#waiting) {
      if (rows.length >= room || entry.sinceMs > beforeMs) break;
      const { minute, burst, asked } = entry.row;
      entry.told = [minute, burst, asked];
      rows.push({ ...entry.row });
      this.#waiting.delete(key);
      this.#settled.set(key, entry);
    }
    return rows;
  }

  /** What a restart must not lose: rows to write, and minutes that may still grow. */
  save(): RunningPeak[] {
    const open = [...this.#settled.values()].filter(({ minutes }) => minutes.some(([at]) => at >= this.#newestMinute - 1));
    return [...this.#waiting.values(), ...open];
  }

  restore(saved: readonly RunningPeak[]): void {
    for (const entry of saved) {
      this.#newestMinute = Math.max(this.#newestMinute, ...entry.minutes.map(([at]) => at));
      (isNews(entry) ? this.#waiting : this.#settled).set(keyOf(entry.row), entry);
    }
  }

  #count(row: PeakRow, atMs: number, passed: number, asked: number, nowMs: number): boolean {
    const key = keyOf(row);
    const entry = this.#waiting.get(key) ?? this.#settled.get(key) ?? this.#fresh(row);
    if (entry === null) return false;
    const minute = countIn(entry.minutes, Math.floor(atMs / MINUTE_MS), passed, asked);
    const burst = countIn(entry.bursts, Math.floor(atMs / BURST_MS), passed, asked);
    entry.row.minute = Math.max(entry.row.minute, minute[1]);
    entry.row.asked = Math.max(entry.row.asked, minute[2]);
    entry.row.burst = Math.max(entry.row.burst, burst[1]);
    if (this.#waiting.has(key)) return true;
    this.#settled.delete(key);
    if (isNews(entry)) {
      entry.sinceMs = nowMs;
      this.#waiting.set(key, entry);
    } else this.#settled.set(key, entry);
    return true;
  }

  /** null = no room. */
  #fresh(row: PeakRow): RunningPeak | null {
    if (this.#waiting.size + this.#settled.size >= this.#most) {
      const oldest = this.#settled.keys().next().value;
      if (oldest === undefined) return null;
      this.#settled.delete(oldest);
    }
    return { row, minutes: [], bursts: [], told: [0, 0, 0], sinceMs: 0 };
  }
}

function isNews({ row, told: [minute, burst, asked] }: RunningPeak): boolean {
  return rises(row.minute, minute) || rises(row.burst, burst) || rises(row.asked, asked);
}

function rises(now: number, told: number): boolean {
  return now > told && now >= told * STEP;
}

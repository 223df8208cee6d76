/** What a row is written for. Each lane has its own allowance, so that none starves the others. */
export type Lane = "counts" | "latency" | "principals" | "events";

const shares: Record<Lane, number> = { counts: 0.5, latency: 0.2, principals: 0.1, events: 0.2 };
const lanes = Object.keys(shares) as Lane[];

const DAY_MS = 86_400_000;
/** Every row is deleted once when it has aged, and D1 bills deletes too: half of the promise is kept for them. */
const WRITE_SHARE = 0.5;
/** A lane saves up so many seconds of its rate, and begins with so many. New callers come in crowds, the first time all of them. */
const savedSeconds: Record<Lane, number> = { counts: 300, latency: 300, principals: 3600, events: 300 };
const initialSeconds: Record<Lane, number> = { counts: 60, latency: 60, principals: 3600, events: 60 };

export interface SavedBudget {
  perDay: number;
  day: number;
  spentToday: number;
  reserved: number;
  atMs: number;
  tokens: Record<Lane, number>;
}

/**
 * `telemetry.rowsPerDay` as a promise: rows that D1 bills (`meta.rows_written`: inserts, updates, deletes, index entries), split
 * over the regions. Token buckets shape the rate; a cap on each UTC day makes it hard. What is reserved for a batch whose
 * answer is not known yet is not given out again.
 */
export class RowBudget {
  #perDay: number;
  #day: number;
  #spentToday = 0;
  #reserved = 0;
  #atMs: number;
  readonly #tokens: Record<Lane, number>;

  /** `rowsPerDay` of the whole installation, split over `regions`. */
  constructor(rowsPerDay: number, regions: number, nowMs: number) {
    this.#perDay = perRegion(rowsPerDay, regions);
    this.#day = Math.floor(nowMs / DAY_MS);
    this.#atMs = nowMs;
    this.#tokens = { counts: 0, latency: 0, principals: 0, events: 0 };
    for (const lane of lanes) this.#tokens[lane] = this.rate(lane) * initialSeconds[lane];
  }

  /** A new promise; what was spent today counts against it. */
  change(rowsPerDay: number, regions: number): void {
    const perDay = perRegion(rowsPerDay, regions);
    for (const lane of lanes) this.#tokens[lane] *= this.#perDay > 0 ? perDay / this.#perDay : 1;
    this.#perDay = perDay;
  }

  /** Rows a second. */
  rate(lane: Lane): number {
    return (this.#perDay * shares[lane]) / (DAY_MS / 1000);
  }

  get spentToday(): number {
    return this.#spentToday;
  }

  /** Rows of this region's share of a day. */
  get perDay(): number {
    return this.#perDay;
  }

  /** Whole rows that may be written for `lane` now. */
  available(lane: Lane, nowMs: number): number {
    this.#refill(nowMs);
    return Math.max(0, Math.floor(Math.min(this.#tokens[lane], this.#perDay - this.#spentToday - this.#reserved)));
  }

  /** How full the lane is, 0 … 1. */
  fill(lane: Lane, nowMs: number): number {
    const capacity = this.rate(lane) * savedSeconds[lane];
    return capacity > 0 ? Math.min(1, this.available(lane, nowMs) / capacity) : 0;
  }

  /** Takes rows out before they are written: at most what `available` answered. */
  reserve(lane: Lane, rows: number): void {
    this.#tokens[lane] -= rows;
    this.#reserved += rows;
  }

  /** The batch was applied: `rowsWritten` as billed, null when that is not known (then as reserved). */
  settle(rowsWritten: number | null, nowMs: number): void {
    this.#refill(nowMs);
    const actual = rowsWritten ?? this.#reserved;
    this.#tokens.counts -= actual - this.#reserved;
    this.#spentToday += actual;
    this.#reserved = 0;
  }

  save(): SavedBudget {
    return {
      perDay: this.#perDay,
      day: this.#day,
      spentToday: this.#spentToday,
      reserved: this.#reserved,
      atMs: this.#atMs,
      tokens: { ...this.#tokens },
    };
  }

  restore(saved: SavedBudget): void {
    this.#perDay = saved.perDay;
    this.#day = saved.day;
    this.#spentToday = saved.spentToday;
    this.#reserved = saved.reserved;
    this.#atMs = saved.atMs;
    Object.assign(this.#tokens, saved.tokens);
  }

  #refill(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#atMs) / 1000;
    this.#atMs = Math.max(this.#atMs, nowMs);
    let spill = 0;
    for (const lane of lanes) {
      // What a full lane cannot hold goes to the next; events come last and take what the others leave.
      const filled = this.#tokens[lane] + this.rate(lane) * seconds + spill;
      this.#tokens[lane] = Math.min(filled, this.rate(lane) * savedSeconds[lane]);
      spill = filled - this.#tokens[lane];
    }
    const day = Math.floor(this.#atMs / DAY_MS);
    if (day !== this.#day) {
      this.#day = day;
      this.#spentToday = 0;
    }
  }
}

function perRegion(rowsPerDay: number, regions: number): number {
  return Math.floor((rowsPerDay * WRITE_SHARE) / Math.max(1, regions));
}

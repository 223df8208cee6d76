/** What is remembered of one isolate: its highest number, and which of the 32 up to it have come (bit 0 = the highest). */
export interface IsolateRow {
  isolate: string;
  seq: number;
  window: number;
  seenMs: number;
}

const WINDOW = 32;
const ACTIVE_MS = 10_000;

/**
 * Which reports have been taken, so that a repeat changes nothing. A sliding window as against replayed packets (RFC 4303
 * §3.4.3) lets reports overtake each other. At most `most` isolates: the one unheard of longest is forgotten first.
 */
export class IsolateMemory {
  readonly #most: number;
  /** In the order in which they were last heard. */
  readonly #rows = new Map<string, IsolateRow>();
  readonly #changed = new Set<string>();
  readonly #forgotten = new Set<string>();
  #activeSinceMs = 0;
  #active = new Set<string>();
  #activeBefore = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** True when this number has come before, or is too old to tell. */
  isRepeat(isolate: string, seq: number): boolean {
    const row = this.#rows.get(isolate);
    if (!row || seq > row.seq) return false;
    const age = row.seq - seq;
    return age >= WINDOW || ((row.window >>> age) & 1) === 1;
  }

  remember(isolate: string, seq: number, nowMs: number): void {
    const row = this.#rows.get(isolate) ?? { isolate, seq: 0, window: 0, seenMs: nowMs };
    const ahead = seq - row.seq;
    if (ahead > 0) {
      row.window = ahead < WINDOW ? ((row.window << ahead) | 1) >>> 0 : 1;
      row.seq = seq;
    } else if (-ahead < WINDOW) row.window = (row.window | (1 << -ahead)) >>> 0;
    row.seenMs = nowMs;
    this.#rows.delete(isolate);
    this.#rows.set(isolate, row);
    this.#changed.add(isolate);
    this.#forgotten.delete(isolate);
    this.#countActive(isolate, nowMs);
    if (this.#rows.size > this.#most) this.#forgetOldest();
  }

  /** Isolates heard of in the last 10 s or so. */
  get active(): number {
    return Math.max(this.#active.size, this.#activeBefore);
  }

  /** What must be written since the last call. */
  takeChanges(): { changed: IsolateRow[]; forgotten: string[] } {
    const changed = [...this.#changed].flatMap((isolate) => this.#rows.get(isolate) ?? []);
    const forgotten = [...this.#forgotten];
    this.#changed.clear();
    this.#forgotten.clear();
    return { changed, forgotten };
  }

  /** Rows as they were written, the one heard of longest ago first. */
  restore(rows: readonly IsolateRow[]): void {
    for (const row of rows) this.#rows.set(row.isolate, { ...row });
  }

  #forgetOldest(): void {
    const oldest = this.#rows.keys().next().value;
    if (oldest === undefined) return;
    this.#rows.delete(oldest);
    this.#changed.delete(oldest);
    this.#forgotten.add(oldest);
  }

  #countActive(isolate: string, nowMs: number): void {
    if (nowMs - this.#activeSinceMs >= ACTIVE_MS) {
      this.#activeBefore = nowMs - this.#activeSinceMs < 2 * ACTIVE_MS ? this.#active.size : 0;
      this.#active = new Set();
      this.#activeSinceMs = nowMs;
    }
    this.#active.add(isolate);
  }
}

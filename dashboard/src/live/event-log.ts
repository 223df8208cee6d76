import type { LiveEvent } from "../api-types.ts";

/** What the table keeps in memory, and what a paused table may hold back. */
export const LOG_ROWS = 500;

/**
 * The newest events of all regions, newest first, each id once. While paused the rows stand still and arrivals wait; of both the
 * oldest leave when the bound is reached, and those that left before they were ever shown are counted.
 */
export class EventLog {
  readonly #limit: number;
  #rows: LiveEvent[] = [];
  #waiting: LiveEvent[] = [];
  #paused = false;
  #unseen = 0;

  constructor(limit = LOG_ROWS) {
    this.#limit = limit;
  }

  get rows(): readonly LiveEvent[] {
    return this.#rows;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Events that arrived since the pause and are still held. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Events that left during this pause without having been shown. */
  get unseen(): number {
    return this.#unseen;
  }

  add(events: readonly LiveEvent[]): void {
    if (!this.#paused) {
      this.#rows = merge(this.#rows, events, this.#limit).kept;
      return;
    }
    // A row on the page learns its status in place; only what is new has to wait.
    const shown = new Set(this.#rows.map(({ id }) => id));
    const known = events.filter(({ id }) => shown.has(id));
    if (known.length > 0) this.#rows = merge(this.#rows, known, this.#limit).kept;
    const { kept, left } = merge(
      this.#waiting,
      events.filter(({ id }) => !shown.has(id)),
      this.#limit,
    );
    this.#waiting = kept;
    this.#unseen += left;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#rows = merge(this.#rows, this.#waiting, this.#limit).kept;
    this.#waiting = [];
    this.#unseen = 0;
  }
}

/** Union by id, newest first, cut to `limit`; a later record of the same event (its answer has come) takes the earlier's place. */
function merge(old: readonly LiveEvent[], events: readonly LiveEvent[], limit: number): { kept: LiveEvent[]; left: number } {
  if (events.length === 0) return { kept: [...old], left: 0 };
  const byId = new Map(old.map((event) => [event.id, event]));
  for (const event of events) {
    const known = byId.get(event.id);
    if (!known || known.status === null) byId.set(event.id, event);
  }
  const sorted = [...byId.values()].sort((a, b) => b.timeMs - a.timeMs || (a.id < b.id ? -1 : 1));
  return { kept: sorted.slice(0, limit), left: Math.max(0, sorted.length - limit) };
}

/** Parts of a window: what is older than it never counts, what is younger than it by a part always does. */
const PARTS = 8;

/** Refusals of one key, in a window that slides by eighths. */
export class RefusalWindow {
  readonly #parts = new Array<number>(PARTS).fill(0);
  #part = 0;
  #partMs = 0;

  /** Adds to the refusals of the last `withinMs`, and answers how many there are. Another length of the window begins anew. */
  add(refusals: number, withinMs: number, nowMs: number): number {
    const partMs = withinMs / PARTS;
    const part = Math.floor(nowMs / partMs);
    if (partMs !== this.#partMs) this.#parts.fill(0);
    else for (let i = Math.max(this.#part + 1, part - PARTS + 1); i <= part; i++) this.#parts[i % PARTS] = 0;
    this.#partMs = partMs;
    this.#part = part;
    const at = part % PARTS;
    this.#parts[at] = (this.#parts[at] ?? 0) + refusals;
    return this.#parts.reduce((sum, n) => sum + n, 0);
  }
}

/** Events a second over the last few seconds, from counts and their arrival times. */
export class RateMeter {
  readonly #windowMs: number;
  #marks: { atMs: number; shown: number; skipped: number }[] = [];

  constructor(windowMs = 5000) {
    this.#windowMs = windowMs;
  }

  mark(atMs: number, shown: number, skipped: number): void {
    this.#marks.push({ atMs, shown, skipped });
    this.#forget(atMs);
  }

  /** Requests shown and requests seen, a second. */
  rates(nowMs: number): { shown: number; seen: number } {
    this.#forget(nowMs);
    let shown = 0;
    let seen = 0;
    for (const mark of this.#marks) {
      shown += mark.shown;
      seen += mark.shown + mark.skipped;
    }
    const seconds = this.#windowMs / 1000;
    return { shown: shown / seconds, seen: seen / seconds };
  }

  #forget(nowMs: number): void {
    this.#marks = this.#marks.filter(({ atMs }) => atMs > nowMs - this.#windowMs);
  }
}

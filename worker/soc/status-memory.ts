export type Status = "ok" | "degraded";

/** How old a status may be that is told again. */
const FRESH_MS = 5_000;

/**
 * The last status that was found out, for those who may not cause the work of finding out: D1 and every region are asked at
 * most once in five seconds for them, by each isolate. One caller finds out; the others meanwhile hear the last status,
 * since no request may wait for another's I/O.
 */
export class StatusMemory {
  #status: Status | null = null;
  #dueMs = 0;

  /** The status to tell; null = it is this caller's turn to find out. */
  recall(nowMs: number): Status | null {
    if (this.#status !== null && nowMs < this.#dueMs) return this.#status;
    this.#dueMs = nowMs + FRESH_MS;
    return null;
  }

  learn(status: Status, nowMs: number): void {
    this.#status = status;
    this.#dueMs = nowMs + FRESH_MS;
  }
}

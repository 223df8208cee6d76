import { type BatchOutcome, writeBatch } from "../db/telemetry-batch.ts";
import type { Ledger } from "./ledger.ts";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/**
 * Brings batches to D1, one at a time. A failure or a late answer leaves the batch where it is, to be sent again after a growing
 * wait; since a batch is applied once whatever happens, sending it again is always right.
 */
export class Flusher {
  readonly #ledger: Ledger;
  #sending = false;
  #failures = 0;
  #retryAtMs = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** When there is something to do, ms; null when there is not. */
  nextMs(nowMs: number): number | null {
    if (this.#ledger.outbox) return this.#retryAtMs;
    return this.#ledger.nextBatchMs(nowMs);
  }

  /** Sends what is due. Never throws: what went wrong is in `failures`. */
  async flush(db: D1Database, now: () => number, timeoutMs: number): Promise<BatchOutcome | null> {
    if (this.#sending || (this.#ledger.outbox && now() < this.#retryAtMs)) return null;
    const batch = this.#ledger.batch(now());
    if (!batch) return null;
    this.#sending = true;
    try {
      const outcome = await inTime(writeBatch(db, batch), timeoutMs);
      this.#ledger.acknowledge(batch, outcome, now());
      this.#failures = 0;
      this.#retryAtMs = 0;
      return outcome;
    } catch (error) {
      this.#failures++;
      this.#retryAtMs = now() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
      console.warn(
        `region: batch ${batch.head.batchSeq} waits for D1 (${error instanceof Error ? error.message : "unknown error"})`,
      );
      return null;
    } finally {
      this.#sending = false;
    }
  }
}

/** Rejects when the answer takes longer. The work itself goes on: whoever asks again must bear that it was done. */
async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: number | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

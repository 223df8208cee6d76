import { setTimeout as delay } from "node:timers/promises";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** However a step hangs, the process ends after this. */
const MAX_STOP_MS = 8_000;
/** A gateway reports within about a second of a request. */
const REPORT_MS = 1_200;

/** Ends a run: what was started last is stopped first. */
export class Shutdown {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #stopping = false;

  onStop(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /**
   * From now on a signal stops the run in order. Miniflare's own handlers end the process at once, which would lose what
   * the gateways have not reported yet; they are taken off.
   */
  takeSignals(): void {
    for (const signal of SIGNALS) {
      process.removeAllListeners(signal);
      process.on(signal, () => void this.stop(0));
    }
    // The task runner was killed: nobody is left who could stop this process.
    process.on("disconnect", () => void this.stop(0));
  }

  /** Stops everything and ends the process. Later calls change nothing: Ctrl-C reaches every process of the terminal. */
  async stop(code: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    setTimeout(() => process.exit(1), MAX_STOP_MS).unref();
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`While stopping: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
    process.exit(code);
  }
}

/** Gives every gateway the time for its last report: what a region has been told, it keeps. */
export async function awaitReports(): Promise<void> {
  await delay(REPORT_MS);
}

import type { Overview } from "../api-types.ts";
import type { Client, Failure } from "../client.ts";
import type { ServerClock } from "../live/server-clock.ts";

export const POLL_MS = 5000;

/** The overview, asked for every 5 s while the page is visible. The last good answer stays while newer ones fail. */
export class OverviewFeed {
  overview = $state.raw<Overview | null>(null);
  failure = $state.raw<Failure | null>(null);
  loading = $state(false);

  readonly #client: Client;
  readonly #clock: ServerClock;
  readonly #onSignedOut: () => void;
  #range = "";
  #asked = 0;

  constructor(client: Client, clock: ServerClock, onSignedOut: () => void) {
    this.#client = client;
    this.#clock = clock;
    this.#onSignedOut = onSignedOut;
  }

  /** Polls one range until the returned function is called. */
  follow(range: string): () => void {
    this.#range = range;
    void this.refresh();
    const poll = () => {
      if (!document.hidden) void this.refresh();
    };
    const timer = setInterval(poll, POLL_MS);
    document.addEventListener("visibilitychange", poll);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", poll);
    };
  }

  /** Asks now. An answer that a later question has overtaken is dropped. */
  async refresh(): Promise<void> {
    const asked = ++this.#asked;
    this.loading = true;
    const answer = await this.#client.overview(this.#range);
    if (asked !== this.#asked) return;
    this.loading = false;
    if (answer.ok) {
      this.overview = answer.value;
      this.failure = null;
      this.#clock.heard(answer.value.generatedMs, Date.now());
    } else if (answer.failure.status === 401) this.#onSignedOut();
    else this.failure = answer.failure;
  }
}

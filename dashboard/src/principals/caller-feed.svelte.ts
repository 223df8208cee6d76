import type { PrincipalDetail } from "../api-types.ts";
import type { Client, Failure } from "../client.ts";

const POLL_MS = 10_000;

/** One caller, asked for every 10 s while the page is visible. The last good answer stays while newer ones fail. */
export class CallerFeed {
  caller = $state.raw<PrincipalDetail | null>(null);
  failure = $state.raw<Failure | null>(null);
  loading = $state(false);

  readonly #client: Client;
  readonly #onSignedOut: () => void;
  #name: { authenticator: string; principal: string } | null = null;
  #asked = 0;

  constructor(client: Client, onSignedOut: () => void) {
    this.#client = client;
    this.#onSignedOut = onSignedOut;
  }

  /** Follows one caller until the returned function is called. */
  follow(name: { authenticator: string; principal: string }): () => void {
    this.#name = name;
    this.caller = null;
    this.failure = null;
    void this.refresh();
    const timer = setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, POLL_MS);
    return () => clearInterval(timer);
  }

  async refresh(): Promise<void> {
    if (!this.#name) return;
    const asked = ++this.#asked;
    this.loading = true;
    const answer = await this.#client.caller(this.#name.authenticator, this.#name.principal);
    if (asked !== this.#asked) return;
    this.loading = false;
    if (answer.ok) {
      this.caller = answer.value;
      this.failure = null;
    } else if (answer.failure.status === 401) this.#onSignedOut();
    else this.failure = answer.failure;
  }
}

import type { CallerSummary, CallersPage } from "../api-types.ts";
import type { Client, Failure } from "../client.ts";
import { type CallerList, callerQuery } from "./caller-list.ts";

const TYPING_MS = 180;
const POLL_MS = 15_000;

/** The callers that a list asks for, page after page. What is shown stays while its successor is on its way. */
export class CallersFeed {
  rows = $state.raw<readonly CallerSummary[]>([]);
  page = $state.raw<CallersPage | null>(null);
  failure = $state.raw<Failure | null>(null);
  loading = $state(false);
  /** Callers looked through so far. */
  scanned = $state(0);

  readonly #client: Client;
  readonly #onSignedOut: () => void;
  #list: CallerList | null = null;
  #asked = 0;

  constructor(client: Client, onSignedOut: () => void) {
    this.#client = client;
    this.#onSignedOut = onSignedOut;
  }

  /** Loads a list, a moment later where one is shown already (somebody types), and keeps its first page fresh. */
  follow(list: CallerList): () => void {
    const isFirst = this.#list === null;
    this.#list = list;
    const typing = setTimeout(() => void this.#load(null), isFirst ? 0 : TYPING_MS);
    const poll = setInterval(() => {
      if (!document.hidden && !this.loading && this.rows.length === (this.page?.callers.length ?? 0)) void this.#load(null);
    }, POLL_MS);
    return () => {
      clearTimeout(typing);
      clearInterval(poll);
    };
  }

  retry(): void {
    void this.#load(null);
  }

  more(): void {
    if (this.page?.next && !this.loading) void this.#load(this.page.next);
  }

  async #load(cursor: string | null): Promise<void> {
    if (!this.#list) return;
    const asked = ++this.#asked;
    this.loading = true;
    const query = callerQuery(this.#list);
    if (cursor !== null) query.set("cursor", cursor);
    const answer = await this.#client.callers(query);
    if (asked !== this.#asked) return;
    this.loading = false;
    if (answer.ok) {
      this.rows = cursor === null ? answer.value.callers : [...this.rows, ...answer.value.callers];
      this.scanned = (cursor === null ? 0 : this.scanned) + answer.value.scanned;
      this.page = answer.value;
      this.failure = null;
    } else if (answer.failure.status === 401) this.#onSignedOut();
    else this.failure = answer.failure;
  }
}

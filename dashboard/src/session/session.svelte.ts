import type { Client, Failure } from "../client.ts";
import { parseSignInToken } from "../view/url-state.ts";

export type SessionState =
  | { is: "checking" }
  | { is: "signed-in" }
  /** Nobody is signed in; `ended` where a session was there before. */
  | { is: "signed-out"; ended: boolean }
  /** A link was tried and refused. */
  | { is: "link-refused"; failure: Failure }
  /** It could not be found out. */
  | { is: "unknown"; failure: Failure };

/** Who is in front of the page. A sign-in link's token is spent once and leaves the address before anything else happens. */
export class Session {
  state = $state.raw<SessionState>({ is: "checking" });

  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Spends the token in the address, if there is one, else asks for the session. */
  async begin(): Promise<void> {
    const token = parseSignInToken(location.hash);
    if (token === null) return this.check();
    history.replaceState(null, "", location.pathname + location.search);
    this.state = { is: "checking" };
    const answer = await this.#client.signIn(token);
    if (answer.ok) this.state = { is: "signed-in" };
    else this.state = { is: answer.failure.status === 0 ? "unknown" : "link-refused", failure: answer.failure };
  }

  async check(): Promise<void> {
    const answer = await this.#client.session();
    if (answer.ok) this.state = { is: "signed-in" };
    else if (answer.failure.status === 401) this.state = { is: "signed-out", ended: false };
    else this.state = { is: "unknown", failure: answer.failure };
  }

  /** Some call was answered 401. */
  ended(): void {
    this.state = { is: "signed-out", ended: true };
  }

  async signOut(): Promise<void> {
    await this.#client.signOut();
    this.state = { is: "signed-out", ended: false };
  }
}

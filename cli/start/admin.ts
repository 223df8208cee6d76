import type { Problem } from "../../worker/policy/problem.ts";
import { type CheckedPolicy, problemText } from "./checked-policy.ts";
import { done, failed, type Outcome, reason } from "./outcome.ts";

/** The console's API, as the start command uses it. @see /_picket/api/openapi.json */
export class Admin {
  readonly #base: string;
  readonly #token: string;

  /** @param base base address of a gateway @param token PICKET_ADMIN_TOKEN */
  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  /** Publishes a policy. Gives its version, or what is wrong with it. */
  async publish({ file, text }: CheckedPolicy): Promise<Outcome<number>> {
    const answer = await this.#post("/_picket/api/v1/policies", text);
    if (!answer.ok) return answer;
    const { status, body } = answer.value;
    const { version, problems, title } = body as { version?: number; problems?: Problem[]; title?: string };
    // 200: a start on the data of an earlier one, whose policy is in force already.
    if ((status === 200 || status === 201) && version !== undefined) return done(version);
    const message = `The gateway did not take the policy: ${title ?? `status ${status}`}.`;
    return failed(problems === undefined ? message : `${message}\n${problemText(file, problems)}`);
  }

  /** A one-time token with which a browser signs in to the console. */
  async signInToken(): Promise<Outcome<string>> {
    const answer = await this.#post("/_picket/api/v1/sign-in-links", "");
    if (!answer.ok) return answer;
    const { token } = answer.value.body as { token?: string };
    return token === undefined ? failed(`The gateway made no sign-in link: status ${answer.value.status}.`) : done(token);
  }

  async #post(path: string, text: string): Promise<Outcome<{ status: number; body: unknown }>> {
    try {
      const headers = { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/yaml" };
      const signal = AbortSignal.timeout(15_000);
      const response = await fetch(this.#base + path, { method: "POST", headers, body: text, signal });
      const body: unknown = await response.json().catch(() => null);
      return done({ status: response.status, body: body ?? {} });
    } catch (error) {
      return failed(`The gateway does not answer at ${this.#base}: ${reason(error)}.`);
    }
  }
}

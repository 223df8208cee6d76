import type { Admin } from "./admin.ts";
import { type CheckedPolicy, checkPolicy, type PolicySource } from "./checked-policy.ts";
import { done, type Outcome } from "./outcome.ts";
import type { Runtime } from "./runtime.ts";

/** Brings a policy file into force, at the start and after every change. */
export class Publisher {
  readonly #source: PolicySource;
  readonly #runtime: Runtime;
  readonly #admin: Admin;
  #version = 0;
  #digest = "";
  #secrets = "";

  constructor(source: PolicySource, runtime: Runtime, admin: Admin) {
    this.#source = source;
    this.#runtime = runtime;
    this.#admin = admin;
  }

  /** Publishes a policy whose secrets the runtime was started with. */
  async publish(policy: CheckedPolicy): Promise<Outcome<number>> {
    const published = await this.#admin.publish(policy);
    if (!published.ok) return published;
    this.#version = published.value;
    this.#digest = policy.digest;
    this.#secrets = JSON.stringify(policy.secrets);
    return done(published.value);
  }

  /** Reads the file again and publishes what has changed. Returns what to say on the terminal. */
  async reload(): Promise<string> {
    const policy = await checkPolicy(this.#source);
    if (!policy.ok) return `${policy.message}\nPolicy version ${this.#version} stays in force.`;
    if (policy.value.digest === this.#digest) return `The policy has not changed: version ${this.#version} stays in force.`;
    const { secrets } = policy.value;
    const restarts = JSON.stringify(secrets) !== this.#secrets;
    if (restarts) {
      const taken = await this.#runtime.setSecrets(secrets);
      if (!taken.ok) return `${taken.message}\nPolicy version ${this.#version} stays in force.`;
    }
    const published = await this.publish(policy.value);
    if (!published.ok) return `${published.message}\nPolicy version ${this.#version} stays in force.`;
    const why = restarts ? "; the gateways started anew, because a secret is another" : "";
    return `Policy version ${published.value} is in force${why}.`;
  }
}

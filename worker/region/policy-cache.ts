import { readSealedPolicy, type SealedRow } from "../db/policies.ts";

/** Region objects ask D1 for a newer policy this often when nobody told them of one. */
const CHECK_EVERY_MS = 2_000;

/** The newest policy as it is stored: encrypted. What was read last serves while D1 is away. */
export class PolicyCache {
  #version = 0;
  #policy: SealedRow | null = null;
  #checkedMs = 0;

  /** Newest version known; 0 = none. */
  get version(): number {
    return this.#version;
  }

  get current(): SealedRow | null {
    return this.#policy;
  }

  /** Learns of a version, from whoever published or read it. */
  learn(version: number): void {
    if (version > this.#version) this.#version = version;
  }

  restore(policy: SealedRow): void {
    this.#policy = policy;
    this.learn(policy.version);
  }

  /** Reads D1 when there is reason to believe that it has a newer one. Throws what D1 throws. True when it changed. */
  async refresh(db: D1Database, nowMs: number): Promise<boolean> {
    const known = this.#policy && this.#policy.version >= this.#version;
    if (known && nowMs - this.#checkedMs < CHECK_EVERY_MS) return false;
    const policy = await readSealedPolicy(db);
    this.#checkedMs = nowMs;
    if (!policy || policy.version === this.#policy?.version) return false;
    this.restore(policy);
    return true;
  }
}

/** Region objects ask D1 for something newer this often when nobody told them of it. */
const CHECK_EVERY_MS = 2_000;

/** Reads the newest; null when there is none, or when it is that of version `known` (-1 = none is). */
type Read<T> = (db: D1Database, nowMs: number, known: number) => Promise<T | null>;

/** The newest of what D1 holds under a growing number: the policy, or the overlay. What was read last serves while D1 is away. */
export class NewestCache<T extends { version: number }> {
  readonly #read: Read<T>;
  #version = 0;
  #current: T | null = null;
  #checkedMs = 0;

  constructor(read: Read<T>) {
    this.#read = read;
  }

  /** Newest version known; 0 = none. */
  get version(): number {
    return this.#version;
  }

  get current(): T | null {
    return this.#current;
  }

  /** True when a newer one is known of, or nothing is known yet. */
  get isBehind(): boolean {
    return this.#current === null || this.#current.version < this.#version;
  }

  /** Learns of a version, from whoever published or read it. */
  learn(version: number): void {
    if (version > this.#version) this.#version = version;
  }

  restore(newest: T): void {
    this.#current = newest;
    this.learn(newest.version);
  }

  /** Reads D1 when there is reason to believe that it has a newer one. Throws what D1 throws. True when it changed. */
  async refresh(db: D1Database, nowMs: number): Promise<boolean> {
    if (!this.isBehind && nowMs - this.#checkedMs < CHECK_EVERY_MS) return false;
    const newest = await this.#read(db, nowMs, this.#current?.version ?? -1);
    this.#checkedMs = nowMs;
    if (!newest || newest.version === this.#current?.version) return false;
    this.restore(newest);
    return true;
  }
}

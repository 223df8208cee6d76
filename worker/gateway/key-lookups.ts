/** An API key as D1 keeps it. */
export interface StoredKey {
  id: string;
  kind: string;
  /** Space-separated. */
  scopes: string;
  /** Names of the policy's roles. */
  roles: readonly string[];
  /** Networks from which it may be used; none = from anywhere. */
  addresses: readonly string[];
  madeMs: number;
  /** null = never. */
  expiresMs: number | null;
  isDisabled: boolean;
}

/** Reads the key of an authenticator's name and a SHA-256 in hex; null = there is none. Throws while D1 is away. */
export type KeyStore = (authenticator: string, sha256: string) => Promise<StoredKey | null>;

/** `readMs`: when the reading began, so that what was read is never taken for newer than it is. */
export type KeyAnswer = { ok: true; key: StoredKey | null; readMs: number } | { ok: false };

export interface LookupIo {
  now(): number;
  wait(ms: number): Promise<void>;
}

/**
 * Look-ups of one isolate that may be under way at a time; what comes beyond them is told that the keys cannot be had. Keys that
 * are known have as many of their own: a flood of others must not keep them from being read anew.
 */
const MAX_LOOKUPS = 32;
/** After so long D1 counts as away. */
const TIMEOUT_MS = 3_000;
const POLL_MS = 5;

interface Lookup {
  answer: KeyAnswer | null;
  untilMs: number;
}

/**
 * Looks API keys up, one look-up a key at a time. Requests that need a key which another one is looking up wait by timers of their
 * own: the promise of another request's I/O must not be awaited.
 */
export class KeyLookups {
  readonly #io: LookupIo;
  readonly #underWay = new Map<string, Lookup>();
  /** Reads of D1 begun. */
  reads = 0;
  /** Look-ups that found too many others under way. */
  crowded = 0;

  constructor(io: LookupIo) {
    this.#io = io;
  }

  /** @param isKnown it is known already, and is read anew */
  async find(store: KeyStore, authenticator: string, sha256: string, isKnown: boolean): Promise<KeyAnswer> {
    const name = `${authenticator} ${sha256}`;
    const other = this.#underWay.get(name);
    if (other !== undefined && this.#io.now() < other.untilMs) return this.#waitFor(other);
    if (other === undefined && !this.#hasRoom(isKnown ? 2 * MAX_LOOKUPS : MAX_LOOKUPS)) {
      this.crowded++;
      return { ok: false };
    }
    const lookup: Lookup = { answer: null, untilMs: this.#io.now() + TIMEOUT_MS };
    this.#underWay.set(name, lookup);
    lookup.answer = await this.#read(store, authenticator, sha256);
    if (this.#underWay.get(name) === lookup) this.#underWay.delete(name);
    return lookup.answer;
  }

  async #waitFor(lookup: Lookup): Promise<KeyAnswer> {
    while (lookup.answer === null && this.#io.now() < lookup.untilMs) await this.#io.wait(POLL_MS);
    return lookup.answer ?? { ok: false };
  }

  /** A request that was cut off leaves its look-up behind without an end. */
  #hasRoom(most: number): boolean {
    if (this.#underWay.size < most) return true;
    for (const [name, { untilMs }] of this.#underWay) if (this.#io.now() >= untilMs) this.#underWay.delete(name);
    return this.#underWay.size < most;
  }

  async #read(store: KeyStore, authenticator: string, sha256: string): Promise<KeyAnswer> {
    this.reads++;
    const readMs = this.#io.now();
    const late = this.#io.wait(TIMEOUT_MS).then(() => "late" as const);
    try {
      const key = await Promise.race([store(authenticator, sha256), late]);
      return key === "late" ? { ok: false } : { ok: true, key, readMs };
    } catch (error) {
      console.error(`API keys cannot be read: ${error instanceof Error ? error.message : "unknown error"}`);
      return { ok: false };
    }
  }
}

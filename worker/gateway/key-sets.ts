import type { Algorithm } from "../policy/algorithms.ts";
import type { PublicKey } from "../policy/jwk.ts";
import { chooseKey } from "./choose-key.ts";
import { FETCH_TIMEOUT_MS, type Fetch, fetchKeySet } from "./key-set-fetch.ts";

/** Fetches after a failure, and fetches because of unknown kids, lie at least so far apart. */
export const COOL_DOWN_MS = 30_000;
/** Keys serve so long past their age while their endpoint fails. */
export const MAX_STALE_MS = 4 * 3_600_000;
const POLL_MS = 20;
/** As many as a policy can name. */
const MAX_SETS = 64;
const MAX_TOLD = 8;

export type KeyFound = { ok: true; key: PublicKey } | { ok: false; code: "key_unknown" | "keys_unavailable" };

/** What key sets need from outside. */
export interface KeySetIo {
  fetch: Fetch;
  now(): number;
  wait(ms: number): Promise<void>;
  log(line: string): void;
}

interface KeySet {
  url: string;
  keys: PublicKey[];
  freshUntilMs: number;
  usableUntilMs: number;
  /** No fetch before this: the last one failed. */
  retryAtMs: number;
  /** No fetch for an unknown kid before this. */
  unknownAtMs: number;
  /** How often it was fetched. A count, not a time: two things can happen in one millisecond. */
  fetched: number;
  /** A request fetches; past this moment it has gone away without an end. 0 = none does. */
  busyUntilMs: number;
}

/**
 * The key sets that one isolate keeps, by URL. A request that needs keys fetches them itself, uses what is there, or waits by
 * timers of its own until another request has put them there: the promise of another request's I/O must not be awaited.
 */
export class KeySets {
  readonly #io: KeySetIo;
  readonly #sets = new Map<string, KeySet>();
  /** Fetches begun. */
  fetches = 0;

  constructor(io: KeySetIo) {
    this.#io = io;
  }

  /**
   * The key for a token. A kid that is not there may be new: the set is fetched again, at most once a cool-down, so that an
   * issuer's rotation refuses nobody and a flood of invented kids costs next to nothing.
   */
  async find(url: string, algorithm: Algorithm, kid: string | null): Promise<KeyFound> {
    const set = this.#set(url);
    const { fetched } = set;
    if (this.#io.now() >= set.freshUntilMs) await this.#renew(set);
    let key = this.#choose(set, algorithm, kid);
    if (key === null && set.fetched === fetched && this.#isUsable(set)) {
      await this.#renewForUnknown(set);
      key = this.#choose(set, algorithm, kid);
    }
    if (key !== null) return { ok: true, key };
    return { ok: false, code: this.#isUsable(set) ? "key_unknown" : "keys_unavailable" };
  }

  /** What is there serves while another request fetches, and after a failure until the cool-down is over. */
  async #renew(set: KeySet): Promise<void> {
    if (!this.#isBusy(set)) {
      if (this.#io.now() >= set.retryAtMs) await this.#fetch(set);
    } else if (!this.#isUsable(set)) await this.#waitFor(set);
  }

  async #renewForUnknown(set: KeySet): Promise<void> {
    if (this.#isBusy(set)) return this.#waitFor(set);
    const nowMs = this.#io.now();
    if (nowMs < set.unknownAtMs || nowMs < set.retryAtMs) return;
    set.unknownAtMs = nowMs + COOL_DOWN_MS;
    await this.#fetch(set);
  }

  async #waitFor(set: KeySet): Promise<void> {
    while (this.#isBusy(set)) await this.#io.wait(POLL_MS);
  }

  async #fetch(set: KeySet): Promise<void> {
    this.fetches++;
    set.busyUntilMs = this.#io.now() + FETCH_TIMEOUT_MS + 1000;
    const fetched = await fetchKeySet(set.url, this.#io.fetch);
    const nowMs = this.#io.now();
    set.busyUntilMs = 0;
    if (!fetched.ok) {
      set.retryAtMs = nowMs + COOL_DOWN_MS;
      this.#io.log(`key set ${nameOf(set.url)}: ${fetched.code}`);
      return;
    }
    for (const { index, code } of fetched.skipped.slice(0, MAX_TOLD)) {
      this.#io.log(`key set ${nameOf(set.url)}: keys[${index}] is left out: ${code}`);
    }
    set.keys = fetched.keys.map((key) => sameAmong(set.keys, key));
    set.fetched++;
    set.retryAtMs = 0;
    set.freshUntilMs = nowMs + fetched.maxAgeMs;
    set.usableUntilMs = set.freshUntilMs + MAX_STALE_MS;
  }

  #isBusy(set: KeySet): boolean {
    return this.#io.now() < set.busyUntilMs;
  }

  #isUsable(set: KeySet): boolean {
    return this.#io.now() < set.usableUntilMs;
  }

  #choose(set: KeySet, algorithm: Algorithm, kid: string | null): PublicKey | null {
    return this.#isUsable(set) ? chooseKey(set.keys, algorithm, kid) : null;
  }

  /** The set of a URL; the one that was put in first makes room. */
  #set(url: string): KeySet {
    const known = this.#sets.get(url);
    if (known !== undefined) return known;
    const oldest = this.#sets.keys().next().value;
    if (this.#sets.size >= MAX_SETS && oldest !== undefined) this.#sets.delete(oldest);
    const times = { freshUntilMs: 0, usableUntilMs: 0, retryAtMs: 0, unknownAtMs: 0, fetched: 0, busyUntilMs: 0 };
    const set: KeySet = { url, keys: [], ...times };
    this.#sets.set(url, set);
    return set;
  }
}

/** The key that was there before, if it is the same: what was imported of it stays in use. */
function sameAmong(keys: readonly PublicKey[], key: PublicKey): PublicKey {
  const text = JSON.stringify(key);
  return keys.find((other) => JSON.stringify(other) === text) ?? key;
}

/** Without its query, which may hold what a log should not. */
function nameOf(url: string): string {
  return url.replace(/\?.*$/, "");
}

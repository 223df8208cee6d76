import { MAX_BLOCKS } from "../../wasm/abi.ts";
import type { PenaltyMeta } from "../policy/compiled.ts";
import { RefusalWindow } from "./refusal-window.ts";
import type { BlockList, RefusalIncrement, Report } from "./report.ts";

/** Keys whose refusals are counted: the one unheard of longest gives way to another. */
const MAX_COUNTED = 4096;
/** Blocks in force, those that were let out, and those that are over and not forgiven yet. */
const MAX_KEPT = 2 * MAX_BLOCKS;
/** Who let whom out is shown for so long. */
const RELEASED_SHOWN_MS = 86_400_000;

/** A key in the box: blocked now, let out, or over and remembered, since the next block would be longer. */
export interface PenaltyEntry {
  limit: string;
  window: number;
  key: string;
  authenticator: string;
  /** Cut at 96 bytes; who came with the key first when it was blocked. */
  principal: string;
  address: string;
  sinceMs: number;
  untilMs: number;
  /** The block is 2^level times as long as the first. */
  level: number;
  /** That led to the block, and since. */
  refusals: number;
  /** Requests that came while it was blocked. */
  knocks: number;
  /** Number of the change that it last was. */
  generation: number;
  /** null = nobody let it out. */
  clearedBy: string | null;
  clearedMs: number | null;
}

export interface ShownEntry extends PenaltyEntry {
  state: "blocked" | "released" | "over";
}

/** Where entries outlive the object. */
export interface PenaltyStore {
  put(entry: PenaltyEntry): void;
  forget(key: string): void;
}

/** Since this incarnation began. */
export interface PenaltyCounters {
  /** Refusals that no isolate's list had room for. */
  refusalsUnlisted: number;
  /** Keys whose refusals were forgotten, since others came. */
  keysForgotten: number;
  /** Blocks that were due, and for which there was no room here or in an isolate. */
  blocksUnkept: number;
}

/** Whom to let out. */
export interface Release {
  limit: string;
  key?: string | undefined;
  /** Cut as an entry's is. */
  principal?: string | undefined;
  authenticator?: string | undefined;
}

/**
 * A region's penalty box: a key of a limit that is refused `after` times within `within` is blocked for `block`, then for twice as
 * long each time, up to `most`; each `most` without a block takes one doubling back. Refusals count when their report comes, and those
 * of a key that is blocked do not. Regions have boxes of their own. Its time never goes back.
 */
export class PenaltyBox {
  readonly #store: PenaltyStore;
  readonly #entries = new Map<string, PenaltyEntry>();
  /** In the order in which they were last heard of. */
  readonly #counted = new Map<string, RefusalWindow>();
  #terms = new Map<string, PenaltyMeta>();
  #clockMs = 0;
  #generation = 0;
  readonly counters: PenaltyCounters = { refusalsUnlisted: 0, keysForgotten: 0, blocksUnkept: 0 };

  /** @param kept what the store holds */
  constructor(store: PenaltyStore, kept: readonly PenaltyEntry[]) {
    this.#store = store;
    for (const entry of kept) {
      this.#entries.set(entry.key, entry);
      this.#generation = Math.max(this.#generation, entry.generation);
    }
  }

  /** Takes the terms of the policy in force. Who is in the box under a limit that has none any more is let out. */
  change(limits: readonly { name: string; penalty: PenaltyMeta | null }[], by: string, nowMs: number): void {
    const now = this.#time(nowMs);
    this.#terms = new Map(limits.flatMap(({ name, penalty }) => (penalty ? [[name, penalty]] : [])));
    for (const entry of this.#entries.values()) {
      if (isBlocked(entry, now) && !this.#terms.has(entry.limit)) this.#letOut(entry, by, now);
    }
  }

  /** Counts what an isolate's report lists. */
  take({ refusals, counters }: Pick<Report, "refusals" | "counters">, nowMs: number): void {
    const now = this.#time(nowMs);
    this.counters.refusalsUnlisted += counters.refusalsUnlisted;
    this.counters.blocksUnkept += counters.blocksUnkept;
    for (const refusal of refusals) {
      const terms = this.#terms.get(refusal.limit);
      const entry = this.#entries.get(refusal.key);
      if (entry && isBlocked(entry, now)) {
        entry.refusals += refusal.refusals;
        entry.knocks += refusal.knocks;
      } else if (terms && refusal.refusals > 0) this.#count(refusal, terms, now);
    }
  }

  /** What changed since generation `after`; null = nothing did. 0 asks for all that is in force. */
  changes(after: number, nowMs: number): BlockList | null {
    if (after === this.#generation) return null;
    const now = this.#time(nowMs);
    const changed = [...this.#entries.values()].filter((one) => one.generation > after && (after > 0 || isBlocked(one, now)));
    const changes = changed.map((one) => ({ key: one.key, leftMs: isBlocked(one, now) ? one.untilMs - now : 0 }));
    return { generation: this.#generation, changes };
  }

  /** Lets out whom `release` names; they begin anew, with the first block's length. */
  release({ limit, key, principal, authenticator }: Release, who: string, nowMs: number): ShownEntry[] {
    const now = this.#time(nowMs);
    const named = [...this.#entries.values()].filter(
      (one) =>
        one.limit === limit &&
        isBlocked(one, now) &&
        (key ?? one.key) === one.key &&
        (principal ?? one.principal) === one.principal &&
        (authenticator ?? one.authenticator) === one.authenticator,
    );
    return named.map((entry) => shown(this.#letOut(entry, who, now), now));
  }

  /** Who is blocked, who was let out in the last day, and whose next block would be longer. */
  list(nowMs: number): ShownEntry[] {
    const now = this.#time(nowMs);
    this.#forgive(now);
    return [...this.#entries.values()].map((entry) => shown(entry, now));
  }

  #time(nowMs: number): number {
    this.#clockMs = Math.max(this.#clockMs, nowMs);
    return this.#clockMs;
  }

  #count(refusal: RefusalIncrement, terms: PenaltyMeta, now: number): void {
    const window = this.#counted.get(refusal.key) ?? new RefusalWindow();
    this.#counted.delete(refusal.key);
    const refusals = window.add(refusal.refusals, terms.within, now);
    if (refusals >= terms.after) this.#block(refusal, terms, refusals, now);
    else this.#remember(refusal.key, window);
  }

  #remember(key: string, window: RefusalWindow): void {
    this.#counted.set(key, window);
    if (this.#counted.size <= MAX_COUNTED) return;
    const oldest = this.#counted.keys().next().value;
    if (oldest !== undefined) this.#counted.delete(oldest);
    this.counters.keysForgotten++;
  }

  #block(refusal: RefusalIncrement, terms: PenaltyMeta, refusals: number, now: number): void {
    const before = this.#entries.get(refusal.key);
    if (!this.#makeRoom(before, now)) {
      this.counters.blocksUnkept++;
      return;
    }
    const level = before ? nextLevel(before, terms, now) : 0;
    const { limit, window, key, authenticator, principal, address, knocks } = refusal;
    this.#put({
      ...{ limit, window, key, authenticator, principal, address, refusals, knocks, level },
      sinceMs: now,
      untilMs: now + Math.min(terms.most, terms.block * 2 ** level),
      generation: this.#nextGeneration(now),
      clearedBy: null,
      clearedMs: null,
    });
  }

  /** False while as many are blocked as may be. */
  #makeRoom(before: PenaltyEntry | undefined, now: number): boolean {
    this.#forgive(now);
    const entries = [...this.#entries.values()];
    if (entries.filter((one) => isBlocked(one, now)).length >= MAX_BLOCKS) return false;
    if (before !== undefined || entries.length < MAX_KEPT) return true;
    const over = entries.filter((one) => !isBlocked(one, now));
    const oldest = over.reduce((first, one) => (endOf(one) < endOf(first) ? one : first));
    this.#forget(oldest);
    return true;
  }

  /** Forgets who has nothing held against them any more. */
  #forgive(now: number): void {
    for (const entry of this.#entries.values()) {
      if (isBlocked(entry, now)) continue;
      const terms = this.#terms.get(entry.limit);
      const isDone =
        entry.clearedMs !== null
          ? now >= entry.clearedMs + RELEASED_SHOWN_MS
          : terms === undefined || nextLevel(entry, terms, now) === 0;
      if (isDone) this.#forget(entry);
    }
  }

  #letOut(entry: PenaltyEntry, by: string, now: number): PenaltyEntry {
    const released = { ...entry, generation: this.#nextGeneration(now), clearedBy: by, clearedMs: now };
    this.#put(released);
    return released;
  }

  /** Rises over restarts without being written anywhere: time does. */
  #nextGeneration(now: number): number {
    this.#generation = Math.max(this.#generation + 1, now);
    return this.#generation;
  }

  #put(entry: PenaltyEntry): void {
    this.#entries.set(entry.key, entry);
    this.#store.put(entry);
  }

  #forget({ key }: PenaltyEntry): void {
    this.#entries.delete(key);
    this.#store.forget(key);
  }
}

function shown(entry: PenaltyEntry, nowMs: number): ShownEntry {
  return { ...entry, state: isBlocked(entry, nowMs) ? "blocked" : entry.clearedMs === null ? "over" : "released" };
}

function isBlocked({ clearedMs, untilMs }: PenaltyEntry, nowMs: number): boolean {
  return clearedMs === null && nowMs < untilMs;
}

function endOf({ clearedMs, untilMs }: PenaltyEntry): number {
  return clearedMs ?? untilMs;
}

/** One more doubling than the last block had, as long as that is within `most`, less those that were forgiven since its end. */
function nextLevel(before: PenaltyEntry, { block, most }: PenaltyMeta, now: number): number {
  if (before.clearedMs !== null) return 0;
  const forgiven = Math.floor((now - before.untilMs) / most);
  return Math.max(0, Math.min(before.level + 1, Math.ceil(Math.log2(most / block))) - forgiven);
}

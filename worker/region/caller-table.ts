import type { PrincipalOperationRow, StoredPlace, StoredPrincipal } from "../db/principal-rows.ts";
import type { CallerRows } from "../db/principals.ts";
import { callerRow, foldCallerRow, foldSpan } from "./caller-row.ts";
import { KnownKeys } from "./known-keys.ts";
import type { CallerIncrement, OperationName } from "./report.ts";

type OperationCount = Omit<PrincipalOperationRow, "authenticator" | "principal">;
type Place = Omit<StoredPlace, "authenticator" | "principal">;

/** A caller with all that is to be written of it. JSON-safe. */
export interface WaitingCaller {
  row: StoredPrincipal;
  operations: OperationCount[];
  places: Place[];
  /** Since when there is something to write. */
  sinceMs: number;
}

interface Entry {
  row: StoredPrincipal;
  operations: Map<string, OperationCount>;
  places: Map<string, Place>;
  sinceMs: number;
}

export interface CallerBounds {
  callers: number;
  operations: number;
  places: number;
}

/** Requests of callers that a full table could not take in, and how many places. */
export interface Unlisted {
  callers: number;
  places: number;
}

const BOUNDS: CallerBounds = { callers: 4_096, operations: 16_384, places: 8_192 };
const MOST_KNOWN = 65_536;
/** Of a caller with more rows than there is room for, at least so many are written at a time: its own row is one of them. */
export const LEAST_ROWS = 4;

// U+0000 is in no name (check-report.ts), so keys of different rows differ.
const callerKey = ({ authenticator, principal }: { authenticator: string; principal: string }) =>
  `${authenticator}\0${principal}`;
const operationKey = ({ service, method, operation }: OperationName) => `o${service}\0${method}\0${operation}`;
const placeKey = ({ country, asn }: { country: string; asn: number }) => `p${country}\0${asn}`;

/**
 * Callers of which something is to be written, and what. Bounded: what does not fit is answered as a count. Rows that D1 was never
 * given leave first, since a new caller, operation or place is news; the others, which only add to what stands, by age.
 */
export class CallerTable {
  readonly #bounds: CallerBounds;
  /** In the order of `sinceMs`. */
  readonly #callers = new Map<string, Entry>();
  /** Callers with a row that D1 was never given. */
  readonly #fresh = new Set<string>();
  readonly #known = new KnownKeys(MOST_KNOWN);
  #operations = 0;
  #places = 0;

  constructor(bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** Rows that wait to be written. */
  get size(): number {
    return this.#callers.size + this.#operations + this.#places;
  }

  /** Since when something waits that D1 was never given; null = nothing does. */
  get freshSinceMs(): number | null {
    const first = this.#fresh.values().next().value;
    return first === undefined ? null : (this.#callers.get(first)?.sinceMs ?? null);
  }

  get oldestMs(): number | null {
    return this.#callers.values().next().value?.sinceMs ?? null;
  }

  /** @param names of the operations that the report refers to */
  add(caller: CallerIncrement, names: readonly OperationName[], nowMs: number): Unlisted {
    const requests = caller.operations.reduce((sum, [, allowed, refused]) => sum + allowed + refused, 0);
    const row = callerRow(caller, nowMs);
    const entry = this.#entry(row, nowMs);
    if (entry === null) return { callers: requests, places: 0 };
    const { firstMs, lastMs } = row;
    const unlisted = { callers: 0, places: 0 };
    for (const [index, allowed, refused] of caller.operations) {
      const name = names[index] ?? { service: "", method: "", operation: "(unknown)" };
      if (!this.#addOperation(entry, { ...name, allowed, refused, firstMs, lastMs })) unlisted.callers += allowed + refused;
    }
    for (const [country, asn] of caller.places) {
      if (!this.#addPlace(entry, { country, asn, firstMs, lastMs })) unlisted.places += 1;
    }
    return unlisted;
  }

  /**
   * Takes out at most `room` rows: all that are new to D1, and of the others what has waited since `beforeMs`. A caller's own row goes
   * with each of its rows.
   */
  take(room: number, beforeMs: number): CallerRows {
    const rows: CallerRows = { principals: [], operations: [], places: [] };
    let left = room;
    for (const key of this.#due(beforeMs)) {
      const entry = this.#callers.get(key);
      if (!entry) continue;
      const cost = 1 + entry.operations.size + entry.places.size;
      if (cost > left && left < LEAST_ROWS) break;
      const part = Math.min(cost, left);
      this.#move(key, entry, part - 1, rows);
      left -= part;
    }
    return rows;
  }

  save(): WaitingCaller[] {
    return [...this.#callers.values()].map(({ row, operations, places, sinceMs }) => ({
      row,
      operations: [...operations.values()],
      places: [...places.values()],
      sinceMs,
    }));
  }

  /** What was saved. What D1 has been given is not known any more: all of it counts as new. */
  restore(saved: readonly WaitingCaller[]): void {
    for (const { row, operations, places, sinceMs } of saved) {
      const entry = this.#entry(row, sinceMs);
      if (entry === null) continue;
      for (const operation of operations) this.#addOperation(entry, operation);
      for (const place of places) this.#addPlace(entry, place);
    }
  }

  *#due(beforeMs: number): Generator<string> {
    yield* this.#fresh;
    for (const [key, { sinceMs }] of this.#callers) {
      if (sinceMs > beforeMs) return;
      yield key;
    }
  }

  /** Moves the caller's own row and `most` others into `rows`; a caller with others left stays. */
  #move(key: string, entry: Entry, most: number, rows: CallerRows): void {
    const { authenticator, principal } = entry.row;
    rows.principals.push({ ...entry.row });
    this.#known.add(key);
    const operations = this.#takeOut(key, entry.operations, most);
    const places = this.#takeOut(key, entry.places, most - operations.length);
    this.#operations -= operations.length;
    this.#places -= places.length;
    for (const operation of operations) rows.operations.push({ authenticator, principal, ...operation });
    for (const place of places) rows.places.push({ authenticator, principal, ...place });
    if (entry.operations.size + entry.places.size > 0) return;
    this.#callers.delete(key);
    this.#fresh.delete(key);
  }

  #takeOut<Row>(caller: string, rows: Map<string, Row>, most: number): Row[] {
    const taken = [...rows].slice(0, most);
    for (const [key] of taken) {
      rows.delete(key);
      this.#known.add(caller + key);
    }
    return taken.map(([, row]) => row);
  }

  /** The caller's entry, merged with `row`; null = no room. */
  #entry(row: StoredPrincipal, nowMs: number): Entry | null {
    const key = callerKey(row);
    const standing = this.#callers.get(key);
    if (standing) {
      foldCallerRow(standing.row, row);
      return standing;
    }
    if (this.#callers.size >= this.#bounds.callers) return null;
    const entry: Entry = { row: { ...row }, operations: new Map(), places: new Map(), sinceMs: nowMs };
    this.#callers.set(key, entry);
    this.#note(key, key);
    return entry;
  }

  #addOperation(entry: Entry, row: OperationCount): boolean {
    const key = operationKey(row);
    const standing = entry.operations.get(key);
    if (standing) {
      standing.allowed += row.allowed;
      standing.refused += row.refused;
      foldSpan(standing, row);
      return true;
    }
    if (this.#operations >= this.#bounds.operations) return false;
    this.#operations++;
    entry.operations.set(key, { ...row });
    this.#note(callerKey(entry.row), callerKey(entry.row) + key);
    return true;
  }

  #addPlace(entry: Entry, row: Place): boolean {
    const key = placeKey(row);
    const standing = entry.places.get(key);
    if (standing) {
      foldSpan(standing, row);
      return true;
    }
    if (this.#places >= this.#bounds.places) return false;
    this.#places++;
    entry.places.set(key, { ...row });
    this.#note(callerKey(entry.row), callerKey(entry.row) + key);
    return true;
  }

  #note(caller: string, key: string): void {
    if (!this.#known.has(key)) this.#fresh.add(caller);
  }
}

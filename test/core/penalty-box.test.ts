import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_BLOCKS } from "../../wasm/abi.ts";
import type { PenaltyMeta } from "../../worker/policy/compiled.ts";
import { PenaltyBox, type PenaltyEntry, type PenaltyStore } from "../../worker/region/penalty-box.ts";
import type { RefusalIncrement } from "../../worker/region/report.ts";

const counters = {
  ...{ coreFaults: 0, reportsDropped: 0, requestsDropped: 0, limitEvictions: 0, unsampled: 0, callersUnlisted: 0 },
  ...{ placesUnlisted: 0, refusalsUnlisted: 0, blocksUnkept: 0 },
};

class MapStore implements PenaltyStore {
  readonly rows = new Map<string, PenaltyEntry>();
  writes = 0;
  put(entry: PenaltyEntry): void {
    this.rows.set(entry.key, structuredClone(entry));
    this.writes++;
  }
  forget(key: string): void {
    this.rows.delete(key);
    this.writes++;
  }
}

const hex = (n: number) => n.toString(16).padStart(16, "0");
const SECOND = 1000;
const T0 = Date.UTC(2026, 9, 1);
const usual: PenaltyMeta = { after: 10, within: 60 * SECOND, block: 60 * SECOND, most: 3600 * SECOND };

function newBox(terms = usual, store = new MapStore()) {
  const box = new PenaltyBox(store, [...store.rows.values()]);
  box.change([{ name: "api", penalty: terms }], "policy 1", 0);
  return { box, store };
}

function refusal(key: number, refusals: number, over: Partial<RefusalIncrement> = {}): RefusalIncrement {
  const who = { authenticator: "users", principal: `p${key}`, address: "192.0.2.1" };
  return { limit: "api", window: 0, key: hex(key), ...who, refusals, knocks: 0, ...over };
}

const take = (box: PenaltyBox, atMs: number, ...refusals: RefusalIncrement[]) => box.take({ refusals, counters }, atMs);
const blockedKeys = (box: PenaltyBox, atMs: number) =>
  (box.changes(0, atMs)?.changes ?? []).filter(({ leftMs }) => leftMs > 0).map(({ key }) => key);
const leftMs = (box: PenaltyBox, key: number, atMs: number) =>
  box.changes(0, atMs)?.changes.find((one) => one.key === hex(key))?.leftMs ?? 0;

/** One key, by what was said of it alone: every refusal kept with its instant, every doubling and every forgiving one by one. */
class Naive {
  readonly #terms: PenaltyMeta;
  #refusals: { atMs: number; n: number }[] = [];
  #block: { sinceMs: number; untilMs: number; lengthMs: number } | null = null;
  constructor(terms: PenaltyMeta) {
    this.#terms = terms;
  }
  leftMs(atMs: number): number {
    return Math.max(0, (this.#block?.untilMs ?? 0) - atMs);
  }
  /** Refusals of the last `ms`. */
  recent(atMs: number, ms: number): number {
    return this.#refusals.filter((one) => one.atMs > atMs - ms).reduce((sum, { n }) => sum + n, 0);
  }
  add(n: number, atMs: number): void {
    this.#refusals.push({ atMs, n });
  }
  block(atMs: number): void {
    const { block, most } = this.#terms;
    let lengthMs = block;
    if (this.#block !== null) {
      lengthMs = Math.min(most, this.#block.lengthMs * 2);
      let doublings = 0;
      for (let length = block; length < lengthMs; length *= 2) doublings++;
      for (let forgivenMs = this.#block.untilMs + most; forgivenMs <= atMs; forgivenMs += most) doublings--;
      lengthMs = block;
      for (let i = 0; i < doublings; i++) lengthMs = Math.min(most, lengthMs * 2);
    }
    this.#block = { sinceMs: atMs, untilMs: atMs + lengthMs, lengthMs };
    this.#refusals = [];
  }
}

const anyTerms: fc.Arbitrary<PenaltyMeta> = fc
  .record({
    after: fc.integer({ min: 1, max: 12 }),
    within: fc.integer({ min: 1, max: 20 }),
    block: fc.integer({ min: 1, max: 20 }),
    more: fc.integer({ min: 0, max: 200 }),
  })
  .map(({ after, within, block, more }) => ({
    after,
    within: within * SECOND,
    block: block * SECOND,
    most: (block + more) * SECOND,
  }));

const anyStep = fc.record({
  key: fc.integer({ min: 1, max: 3 }),
  n: fc.integer({ min: 0, max: 5 }),
  waitMs: fc.oneof(fc.nat(3000), fc.nat(400_000)),
});

test("blocks whom a naive account blocks, for as long: within the window, doubling up to the bound, forgiving step by step", () => {
  let blocks = 0;
  fc.assert(
    fc.property(anyTerms, fc.array(anyStep, { minLength: 40, maxLength: 120 }), (terms, steps) => {
      const { box } = newBox(terms);
      const naive = new Map([1, 2, 3].map((key) => [key, new Naive(terms)]));
      let atMs = T0;
      for (const { key, n, waitMs } of steps) {
        atMs += waitMs;
        const one = naive.get(key) as Naive;
        take(box, atMs, refusal(key, n));
        if (one.leftMs(atMs) === 0 && n > 0) {
          one.add(n, atMs);
          const isBlocked = leftMs(box, key, atMs) > 0;
          // The window slides by eighths: it never counts what is older, and always what is younger by one.
          if (isBlocked) expect(one.recent(atMs, terms.within)).toBeGreaterThanOrEqual(terms.after);
          else expect(one.recent(atMs, (terms.within * 7) / 8)).toBeLessThan(terms.after);
          if (isBlocked) one.block(atMs);
          if (isBlocked) blocks++;
        }
        for (const [other, account] of naive) expect(leftMs(box, other, atMs)).toBe(account.leftMs(atMs));
      }
    }),
    { numRuns: 500 },
  );
  expect(blocks).toBeGreaterThan(1000);
});

test("a block is twice as long each time, up to the bound, and shorter again after each long peace", () => {
  const { box } = newBox({ after: 1, within: SECOND, block: 60 * SECOND, most: 300 * SECOND });
  let atMs = T0;
  const again = (peaceMs: number) => {
    atMs += peaceMs;
    take(box, atMs, refusal(1, 1));
    const left = leftMs(box, 1, atMs);
    atMs += left;
    expect(leftMs(box, 1, atMs - 1)).toBe(1);
    expect(leftMs(box, 1, atMs)).toBe(0);
    return left / SECOND;
  };
  expect([0, 0, 0, 0, 0].map(again)).toEqual([60, 120, 240, 300, 300]);
  expect(again(299 * SECOND)).toBe(300);
  expect(again(300 * SECOND)).toBe(240);
  expect(again(300 * SECOND)).toBe(240);
  expect(again(600 * SECOND)).toBe(120);
  expect(again(0)).toBe(240);
  expect(again(4000 * SECOND)).toBe(60);
});

test("refusals while a key is blocked block nobody, and its knocks are counted", () => {
  const { box, store } = newBox();
  take(box, T0, refusal(1, 10));
  const { writes } = store;
  for (let i = 1; i < 60; i++) take(box, T0 + i * SECOND, refusal(1, 100, { knocks: 7 }));
  expect(box.list(T0 + 59_999)).toMatchObject([
    { state: "blocked", sinceMs: T0, untilMs: T0 + 60_000, level: 0, refusals: 10 + 59 * 100, knocks: 59 * 7 },
  ]);
  take(box, T0 + 60_000, refusal(1, 9));
  expect(blockedKeys(box, T0 + 60_000)).toEqual([]);
  expect(store.writes).toBe(writes);
});

test("tells what changed since a generation, and to who knows none all that is in force", () => {
  const { box } = newBox();
  expect(box.changes(0, T0)).toBeNull();
  take(box, T0, refusal(1, 10));
  const first = box.changes(0, T0);
  expect(first?.changes).toEqual([{ key: hex(1), leftMs: 60_000 }]);
  const known = first?.generation ?? 0;
  expect(box.changes(known, T0 + 1)).toBeNull();
  take(box, T0 + 1, refusal(2, 10), refusal(3, 10));
  expect(box.changes(known, T0 + 1)?.changes.map(({ key }) => key)).toEqual([hex(2), hex(3)]);
  expect(box.release({ limit: "api", key: hex(2) }, "me", T0 + 2)).toMatchObject([
    { key: hex(2), state: "released", clearedBy: "me", clearedMs: T0 + 2 },
  ]);
  expect(box.changes(known, T0 + 2)?.changes).toEqual([
    { key: hex(2), leftMs: 0 },
    { key: hex(3), leftMs: 59_999 },
  ]);
  expect(box.changes(0, T0 + 2)?.changes.map(({ key }) => key)).toEqual([hex(1), hex(3)]);
  expect(box.changes(0, T0 + 3_600_000)?.changes).toEqual([]);
});

test("lets out by key, by principal, and by principal of one authenticator, of that limit alone; they begin anew", () => {
  const names = ["api", "other"].map((name) => ({ name, penalty: usual }));
  const { box } = newBox();
  box.change(names, "policy 2", T0);
  const all = [
    refusal(1, 10, { principal: "ann" }),
    refusal(2, 10, { principal: "ann", authenticator: "keys" }),
    refusal(3, 10, { principal: "ann", limit: "other" }),
    refusal(4, 10, { principal: "ann", window: 1 }),
  ];
  take(box, T0, ...all);
  const keys = (over: object) => box.release({ limit: "api", ...over }, "me", T0).map(({ key }) => Number.parseInt(key, 16));
  expect(keys({ principal: "bob" })).toEqual([]);
  expect(keys({ key: hex(3) })).toEqual([]);
  expect(keys({ principal: "ann", authenticator: "keys" })).toEqual([2]);
  expect(keys({ principal: "ann" })).toEqual([1, 4]);
  expect(keys({ principal: "ann" })).toEqual([]);
  expect(blockedKeys(box, T0)).toEqual([hex(3)]);
  take(box, T0, ...all);
  expect(leftMs(box, 1, T0)).toBe(60_000);
  // Shown for a day; what is over is remembered as long as the next block would be longer.
  expect(keys({ key: hex(2) })).toEqual([2]);
  expect(box.list(T0 + 3_660_000 - 1).map(({ state }) => state)).toEqual(["over", "released", "over", "over"]);
  expect(box.list(T0 + 86_399_999).map(({ key }) => key)).toEqual([hex(2)]);
  expect(box.list(T0 + 86_400_000)).toEqual([]);
});

test("a limit that is no more, or has no penalty any more, keeps nobody", () => {
  for (const limits of [[], [{ name: "api", penalty: null }]]) {
    const { box } = newBox();
    take(box, T0, refusal(1, 10));
    const known = box.changes(0, T0)?.generation ?? 0;
    box.change(limits, "policy 2", T0 + 5);
    expect(box.changes(known, T0 + 5)?.changes).toEqual([{ key: hex(1), leftMs: 0 }]);
    expect(box.list(T0 + 5)).toMatchObject([{ state: "released", clearedBy: "policy 2" }]);
    take(box, T0 + 6, refusal(1, 99));
    expect(blockedKeys(box, T0 + 6)).toEqual([]);
  }
});

test("other terms hold for what comes, and a window of another length begins anew", () => {
  const { box } = newBox();
  take(box, T0, refusal(1, 9));
  box.change([{ name: "api", penalty: { ...usual, within: 30 * SECOND, block: 5 * SECOND } }], "policy 2", T0);
  take(box, T0, refusal(1, 9));
  expect(blockedKeys(box, T0)).toEqual([]);
  take(box, T0 + 1, refusal(1, 1));
  expect(leftMs(box, 1, T0 + 1)).toBe(5000);
});

test("a clock that goes back ends no block early and lets none last longer than it is", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ n: fc.nat(4), stepMs: fc.integer({ min: -100_000, max: 100_000 }) })), (steps) => {
      const terms = { after: 3, within: 10 * SECOND, block: 10 * SECOND, most: 40 * SECOND };
      const { box } = newBox(terms);
      let [atMs, newestMs, untilMs] = [T0, 0, 0];
      for (const { n, stepMs } of steps) {
        atMs += stepMs;
        newestMs = Math.max(newestMs, atMs);
        take(box, atMs, refusal(1, n));
        const left = leftMs(box, 1, atMs);
        expect(left).toBeLessThanOrEqual(terms.most);
        if (newestMs < untilMs) expect(left).toBe(untilMs - newestMs);
        untilMs = newestMs + left;
      }
    }),
  );
});

test("a restart lets nobody out, forgets no doubling, and its generations go on", () => {
  const { box, store } = newBox();
  take(box, T0, refusal(1, 10), refusal(2, 10));
  box.release({ limit: "api", key: hex(2) }, "me", T0 + 1);
  const known = box.changes(0, T0 + 1)?.generation ?? 0;
  const after = newBox(usual, store).box;
  expect(after.changes(known, T0 + 2)).toBeNull();
  expect(after.changes(0, T0 + 2)?.changes).toEqual([{ key: hex(1), leftMs: 59_998 }]);
  expect(after.list(T0 + 2)).toEqual(box.list(T0 + 2));
  take(after, T0 + 60_000, refusal(1, 10));
  expect(leftMs(after, 1, T0 + 60_000)).toBe(120_000);
  // The clock of another machine may be behind, and the store empty again.
  take(after, T0 - 1000, refusal(3, 10));
  expect(after.changes(0, T0)?.generation).toBeGreaterThan(known);
});

test("holds as many blocks as there may be, remembers as many again, and counts what did not fit", () => {
  const { box, store } = newBox({ after: 1, within: SECOND, block: 10 * SECOND, most: 100 * SECOND });
  for (let key = 1; key <= MAX_BLOCKS + 5; key++) take(box, T0, refusal(key, 1));
  expect(blockedKeys(box, T0).length).toBe(MAX_BLOCKS);
  expect(box.counters.blocksUnkept).toBe(5);
  for (let round = 1; round < 4; round++) {
    for (let key = 0; key < MAX_BLOCKS; key++) take(box, T0 + round * 10_000, refusal(100_000 * round + key, 1));
    expect(blockedKeys(box, T0 + round * 10_000).length).toBe(MAX_BLOCKS);
    expect(store.rows.size).toBe(2 * MAX_BLOCKS);
  }
  expect(box.counters.blocksUnkept).toBe(5);
});

test("counts a bounded number of keys: whoever goes on is kept, whoever came once gives way", () => {
  const { box } = newBox();
  for (let i = 0; i < 9; i++) {
    take(box, T0 + i * SECOND, refusal(1, 1));
    for (let key = 0; key < 4000; key++) take(box, T0 + i * SECOND, refusal(1_000_000 + i * 4000 + key, 1));
  }
  take(box, T0 + 9 * SECOND, refusal(1, 1));
  expect(blockedKeys(box, T0 + 9 * SECOND)).toEqual([hex(1)]);
  expect(box.counters.keysForgotten).toBe(9 * 4000 + 1 - 4096);
});

test("adds up what isolates could not list or keep", () => {
  const { box } = newBox();
  box.take({ refusals: [], counters: { ...counters, refusalsUnlisted: 3, blocksUnkept: 2 } }, T0);
  box.take({ refusals: [], counters: { ...counters, refusalsUnlisted: 4 } }, T0);
  expect(box.counters).toEqual({ refusalsUnlisted: 7, keysForgotten: 0, blocksUnkept: 2 });
});

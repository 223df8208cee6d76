import { evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { PeakRow } from "../../worker/db/peak-row.ts";
import { addPeaks } from "../../worker/db/peaks.ts";
import { PeakTable } from "../../worker/region/peak-table.ts";
import { caller, countOf, env, failingDatabase, NOON_MS, NOTHING_LOST, OPERATION, report, TestRegion } from "./region-fixture.ts";

const DAY_MS = 86_400_000;
const DAY = Math.floor(NOON_MS / DAY_MS);
const names = [OPERATION, { service: "fleet", method: "POST", operation: "/fleet" }];

beforeEach(async () => {
  await env.DB.batch(["regions", "principal_peaks"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});

interface Step {
  principal: string;
  operations: [number, number, number][];
  /** Time since the step before, and how much later than its last request the report comes. */
  waitMs: number;
  lateMs: number;
  after: "go on" | "write" | "restart";
}

const steps = (lateMs: fc.Arbitrary<number>) =>
  fc.array(
    fc.record<Step>({
      principal: fc.constantFrom("a", "b"),
      operations: fc.array(fc.tuple(fc.nat(1), fc.nat(12), fc.nat(3)), { maxLength: 2 }),
      // Around the edges of tens of seconds, minutes and days.
      waitMs: fc.oneof(fc.constantFrom(0, 1, 9_999, 10_000, 59_999, 60_000, 12 * 3_600_000 - 1), fc.nat(70_000)),
      lateMs,
      after: fc.constantFrom("go on", "go on", "go on", "write", "restart"),
    }),
    { maxLength: 60 },
  );

type Peaks = Map<string, [number, number, number]>;

function raise(peaks: Peaks, key: string, ...by: [number, number, number]): void {
  const [minute, burst, asked] = peaks.get(key) ?? [0, 0, 0];
  peaks.set(key, [Math.max(minute, by[0]), Math.max(burst, by[1]), Math.max(asked, by[2])]);
}

const keyOf = (row: Pick<PeakRow, "day" | "principal" | "method">) => `${row.day} ${row.principal} ${row.method}`;

/** Every stretch counted anew from all requests. */
function recount(requests: { key: string; atMs: number; passed: number; asked: number }[]): Peaks {
  const peaks: Peaks = new Map();
  for (const { key, atMs } of requests) {
    const within = (ms: number) =>
      requests.filter((other) => other.key === key && Math.floor(other.atMs / ms) === Math.floor(atMs / ms));
    const sum = (all: typeof requests, of: "passed" | "asked") => all.reduce((total, one) => total + one[of], 0);
    raise(peaks, key, sum(within(60_000), "passed"), sum(within(10_000), "passed"), sum(within(60_000), "asked"));
  }
  return peaks;
}

/** What D1 would hold, and what a recount says. */
function play(all: readonly Step[]): { stored: Peaks; expected: Peaks } {
  let table = new PeakTable();
  let atMs = NOON_MS;
  const stored: Peaks = new Map();
  const requests: Parameters<typeof recount>[0] = [];
  const write = (room: number) => {
    for (const row of table.take(room, Number.POSITIVE_INFINITY)) raise(stored, keyOf(row), row.minute, row.burst, row.asked);
  };
  for (const { principal, operations, waitMs, lateMs, after } of all) {
    atMs += waitMs;
    const lastMs = atMs - lateMs;
    expect(table.add(caller({ principal, operations, lastMs }), names, "local", atMs)).toBe(0);
    for (const [index, passed, refused] of operations) {
      const key = keyOf({ day: Math.floor(lastMs / DAY_MS), principal, method: names[index]?.method ?? "" });
      if (passed + refused > 0) requests.push({ key, atMs: lastMs, passed, asked: passed + refused });
    }
    if (after === "write") write(2);
    if (after === "restart") {
      const saved = JSON.parse(JSON.stringify(table.save()));
      table = new PeakTable();
      table.restore(saved);
    }
  }
  write(1000);
  return { stored, expected: recount(requests) };
}

describe("a table of peaks", () => {
  it("equals a recount but for a last rise of less than a tenth, through restarts and edges of time", () => {
    fc.assert(
      fc.property(steps(fc.nat(10_000)), (all) => {
        const { stored, expected } = play(all);
        expect([...stored.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [key, real] of expected) {
          for (const [index, told] of (stored.get(key) ?? []).entries()) {
            expect(told).toBeLessThanOrEqual(real[index] ?? 0);
            expect(told === real[index] || (real[index] ?? 0) < told * 1.1).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("never tells more than came, however late reports are", () => {
    fc.assert(
      fc.property(steps(fc.oneof(fc.nat(10_000), fc.nat(200_000))), (all) => {
        const { stored, expected } = play(all);
        for (const [key, peaks] of stored) {
          for (const [index, told] of peaks.entries()) expect(told).toBeLessThanOrEqual(expected.get(key)?.[index] ?? -1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("makes room for who comes by who has nothing to write, and counts the requests of whom it cannot take in", () => {
    const table = new PeakTable(2);
    const add = (principal: string, nowMs: number) =>
      table.add(caller({ principal, lastMs: nowMs, operations: [[0, 2, 1]] }), names, "local", nowMs);
    expect([add("a", NOON_MS), add("b", NOON_MS + 1), add("c", NOON_MS + 2)]).toEqual([0, 0, 3]);
    expect(table.take(1, NOON_MS + 1).map(({ principal }) => principal)).toEqual(["a"]);
    expect([add("c", NOON_MS + 3), table.size]).toEqual([0, 2]);
    expect(table.take(9, NOON_MS + 1).map(({ principal }) => principal)).toEqual(["b"]);
    expect([table.oldestMs, table.size]).toEqual([NOON_MS + 3, 1]);
  });
});

const stored = async () =>
  (await env.DB.prepare("SELECT * FROM principal_peaks ORDER BY day, region, principal, method").all<PeakRow>()).results;

describe("peaks in D1", () => {
  const row: PeakRow = { day: DAY, region: "r", authenticator: "a", principal: "p", ...OPERATION, minute: 5, burst: 4, asked: 6 };

  it("only rise, and a row that comes twice changes nothing", async () => {
    const later = { ...row, minute: 7, burst: 3, asked: 9 };
    for (const rows of [[row], [later], [row], [later]]) await env.DB.batch(addPeaks(env.DB, rows));
    expect(await stored()).toEqual([{ ...row, minute: 7, burst: 4, asked: 9 }]);
  });
});

describe("a region", () => {
  it("writes the peaks of its callers in their turn, through a restart and a batch that was applied unheard", async () => {
    const region = new TestRegion("peaks");
    await region.inside((object) => {
      object.db = failingDatabase("after");
    });
    let seq = 0;
    const send = (passed: number, refused: number) => {
      const calls = [caller({ lastMs: region.nowMs, operations: [[0, passed, refused]] })];
      return region.report(report({ region: "peaks", seq: ++seq, traffic: [], allowed: passed, refused, callers: calls }));
    };
    // 12:00:00 to 12:00:40: 4 × 10; 12:01:00 to 12:01:30: 3 × 20, of which a third refused.
    for (let i = 0; i < 4; i++) {
      await send(10, 0);
      await region.pass(10_000);
      if (i === 1) await evictDurableObject(region.stub);
    }
    region.nowMs += 20_000;
    for (let i = 0; i < 3; i++) {
      await send(20, 10);
      await region.pass(10_000);
    }
    expect(await stored()).toEqual([]);
    for (let i = 0; i < 400; i++) await region.pass(1000);
    const { authenticator, principal } = caller();
    const expected = { day: DAY, region: "peaks", authenticator, principal, ...OPERATION, minute: 60, burst: 20, asked: 90 };
    expect(await stored()).toEqual([expected]);
    expect(await region.inside((object) => object.ledger.nextBatchMs(region.nowMs))).toBeNull();
  });

  it("reads a journal from before it knew of peaks", async () => {
    const region = new TestRegion("older-peaks");
    await region.report(report({ region: "older-peaks", callers: [caller()] }));
    await region.pass(1000);
    await region.inside((_, state) => {
      state.storage.sql.exec(`UPDATE documents SET json = json_remove(json, '$.peaks') WHERE name = 'carry'`);
      state.storage.sql.exec(`UPDATE documents SET json = json_remove(json, '$.peaksUnlisted') WHERE name = 'totals'`);
    });
    await evictDurableObject(region.stub);
    await region.report(report({ region: "older-peaks", seq: 2, callers: [caller()] }));
    for (let i = 0; i < 400; i++) await region.pass(1000);
    expect(await stored()).toMatchObject([{ minute: 3, asked: 4 }]);
    expect(await env.DB.prepare("SELECT peaks_unlisted FROM regions").first("peaks_unlisted")).toBe(0);
  });

  it("says in D1 of how many requests it kept no peak", async () => {
    const region = new TestRegion("no-peaks");
    await region.report(report({ region: "no-peaks", counters: { ...NOTHING_LOST, callersUnlisted: 7 } }));
    await region.pass(1000);
    expect(await countOf("SELECT peaks_unlisted AS n FROM regions")).toBe(7);
  });
});

import { evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { StoredPrincipal } from "../../worker/db/principal-rows.ts";
import { addCallers, type CallerRows } from "../../worker/db/principals.ts";
import { callerRow, foldCallerRow } from "../../worker/region/caller-row.ts";
import { CallerTable } from "../../worker/region/caller-table.ts";
import type { CallerIncrement } from "../../worker/region/report.ts";
import {
  caller,
  countOf,
  env,
  failingDatabase,
  NOON_MS,
  NOTHING_LOST,
  OPERATION,
  report,
  sample,
  TestRegion,
} from "./region-fixture.ts";

const DAY_MS = 86_400_000;
const tables = ["regions", "rollups", "traffic", "latency", "events", "principals", "principal_operations", "principal_places"];

beforeEach(async () => {
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});

const columns = `authenticator, principal, kind, credential, scopes, firmware, roles, issued_ms AS "issuedMs", expires_ms AS "expiresMs",
  lifetime_ms AS "lifetimeMs", endless, first_ms AS "firstMs", last_ms AS "lastMs", address_day AS "addressDay",
  address_low AS "addressLow", address_high AS "addressHigh"`;
const principals = async () =>
  (await env.DB.prepare(`SELECT ${columns} FROM principals ORDER BY principal`).all<StoredPrincipal>()).results;
const storedCalls = () => countOf("SELECT SUM(allowed + refused) AS n FROM principal_operations");

const increments = fc.record({
  principal: fc.constantFrom("a", "ab", "ä"),
  kind: fc.constantFrom<CallerIncrement["kind"]>("user", "device"),
  credential: fc.constantFrom("", "k1", "k\u0000"),
  scopes: fc.constantFrom("", "r", "r w"),
  firmware: fc.constantFrom("", "4.1.0", "4.2.0"),
  issuedMs: fc.option(fc.integer({ min: -5, max: NOON_MS })),
  expiresMs: fc.option(fc.integer({ min: 1, max: 8.64e15 })),
  lifetimeMs: fc.option(fc.integer({ min: 0, max: 8.64e15 })),
  endless: fc.boolean(),
  span: fc.tuple(fc.nat(3 * DAY_MS), fc.nat(3 * DAY_MS)),
  addresses: fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)),
  places: fc.uniqueArray(fc.tuple(fc.constantFrom("CH", ""), fc.constantFrom(1, 4_294_967_295)), {
    maxLength: 3,
    selector: String,
  }),
  operations: fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)).map<CallerIncrement["operations"]>(([a, b, c]) => [
    [0, a, b],
    [1, b, c],
  ]),
});
type Increment = typeof increments extends fc.Arbitrary<infer T> ? T : never;
const asCaller = ({ span: [from, more], ...rest }: Increment) =>
  caller({ ...rest, firstMs: NOON_MS - 3 * DAY_MS + Math.min(from, more), lastMs: NOON_MS - 3 * DAY_MS + Math.max(from, more) });
const names = [OPERATION, { service: "fleet", method: "POST", operation: "/fleet" }];

describe("a table of callers", () => {
  it("counts every request once, in rows or as unlisted, however it is filled and emptied", () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: increments.map((increment) => ({ increment, room: 0 })) },
        { weight: 1, arbitrary: fc.nat(12).map((room) => ({ increment: null, room })) },
      ),
      { maxLength: 60 },
    );
    const bounds = fc.record({ callers: fc.integer({ min: 1, max: 3 }), operations: fc.nat(6), places: fc.nat(4) });
    fc.assert(
      fc.property(steps, bounds, (all, bound) => {
        let table = new CallerTable(bound);
        let sent = 0;
        let written = 0;
        let unlisted = 0;
        let nowMs = NOON_MS;
        const sum = (rows: CallerRows) => rows.operations.reduce((n, { allowed, refused }) => n + allowed + refused, 0);
        for (const { increment, room } of all) {
          nowMs += 1000;
          if (increment === null) {
            const rows = table.take(room, nowMs);
            const count = rows.principals.length + rows.operations.length + rows.places.length;
            expect(count).toBeLessThanOrEqual(room);
            // Every row has its caller's beside it.
            const known = new Set(rows.principals.map(({ principal }) => principal));
            for (const { principal } of [...rows.operations, ...rows.places]) expect(known).toContain(principal);
            written += sum(rows);
            const saved = JSON.parse(JSON.stringify(table.save()));
            table = new CallerTable(bound);
            table.restore(saved);
            continue;
          }
          sent += increment.operations.reduce((n, [, allowed, refused]) => n + allowed + refused, 0);
          unlisted += table.add(asCaller(increment), names, nowMs).callers;
        }
        for (let rows = table.take(4, Number.POSITIVE_INFINITY); rows.principals.length > 0; ) {
          written += sum(rows);
          rows = table.take(4, Number.POSITIVE_INFINITY);
        }
        expect(table.size).toBe(0);
        expect(written + unlisted).toBe(sent);
      }),
    );
  });

  it("writes what is new first, then what has waited", () => {
    const table = new CallerTable();
    const add = (principal: string, nowMs: number) => table.add(caller({ principal, places: [] }), names, nowMs);
    const taken = (room: number, beforeMs: number) => table.take(room, beforeMs).principals.map(({ principal }) => principal);
    for (const principal of ["a", "b", "c"]) add(principal, 1);
    expect(taken(4, 0)).toEqual(["a", "b"]);
    expect(taken(100, 0)).toEqual(["c"]);
    for (const [index, principal] of ["c", "b", "new", "a"].entries()) add(principal, 10 + index);
    expect(table.freshSinceMs).toBe(12);
    expect(taken(100, 9)).toEqual(["new"]);
    expect([table.freshSinceMs, table.oldestMs]).toEqual([null, 10]);
    expect(taken(100, 11)).toEqual(["c", "b"]);
    // A place that was not seen before is news, too.
    table.add(caller({ principal: "a", places: [["FR", 1]] }), names, 20);
    expect(taken(100, 0)).toEqual(["a"]);
  });

  it("writes a caller with more rows than there is room for in parts", () => {
    const table = new CallerTable();
    const many = Array.from({ length: 10 }, (_, i) => ({ ...OPERATION, operation: `/${i}` }));
    table.add(caller({ operations: many.map((_, i) => [i, 1, 0]) }), many, 1);
    expect(table.take(3, 1).principals).toEqual([]);
    const parts = [5, 5, 5].map((room) => table.take(room, 1));
    expect(parts.map(({ principals: p, operations, places }) => [p.length, operations.length, places.length])).toEqual([
      [1, 4, 0],
      [1, 4, 0],
      [1, 2, 1],
    ]);
    expect(table.size).toBe(0);
  });
});

describe("rows of callers in D1", () => {
  it("merge by the region's own rule, whatever came before", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(increments, { minLength: 1, maxLength: 12 }), async (all) => {
        await env.DB.batch(tables.slice(5).map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
        const expected = new Map<string, StoredPrincipal>();
        const calls = new Map<string, number[]>();
        for (const increment of all) {
          const table = new CallerTable();
          table.add(asCaller(increment), names, NOON_MS);
          await env.DB.batch(addCallers(env.DB, table.take(100, NOON_MS)));
          const row = callerRow(asCaller(increment), NOON_MS);
          const standing = expected.get(row.principal);
          if (standing) foldCallerRow(standing, row);
          else expected.set(row.principal, row);
          for (const [index, allowed, refused] of increment.operations) {
            const key = `${row.principal} ${names[index]?.method}`;
            const [a = 0, r = 0] = calls.get(key) ?? [];
            calls.set(key, [a + allowed, r + refused]);
          }
        }
        const byPrincipal = (a: StoredPrincipal, b: StoredPrincipal) => (a.principal < b.principal ? -1 : 1);
        expect((await principals()).sort(byPrincipal)).toEqual([...expected.values()].sort(byPrincipal));
        const stored = await env.DB.prepare("SELECT principal, method, allowed, refused FROM principal_operations").all();
        expect(
          Object.fromEntries(stored.results.map((row) => [`${row.principal} ${row.method}`, [row.allowed, row.refused]])),
        ).toEqual(Object.fromEntries(calls));
      }),
      { numRuns: 25 },
    );
  });

  it("keep the addresses of the newest day alone", () => {
    const day = (lastMs: number, low: number) => callerRow(caller({ firstMs: 0, lastMs, addresses: [low, 0] }), NOON_MS);
    const row = day(NOON_MS - DAY_MS, 1);
    for (const next of [day(NOON_MS, 2), day(NOON_MS, 0x80000000), day(NOON_MS - DAY_MS, 4)]) foldCallerRow(row, next);
    expect([row.addressDay, row.addressLow]).toEqual([Math.floor(NOON_MS / DAY_MS), 0x80000002]);
  });

  it("never are of a later time than the region's", () => {
    expect(callerRow(caller({ firstMs: NOON_MS + 5, lastMs: NOON_MS + 9 }), NOON_MS)).toMatchObject({
      firstMs: NOON_MS,
      lastMs: NOON_MS,
    });
  });
});

describe("a region", () => {
  it("brings a caller that is new to D1 with the next batch, whole", async () => {
    const region = new TestRegion("sight");
    await region.report(report({ region: "sight", callers: [caller()] }));
    await region.pass(1000);
    expect(await principals()).toEqual([callerRow(caller(), NOON_MS)]);
    expect(await env.DB.prepare("SELECT * FROM principal_operations").first()).toEqual({
      authenticator: "device-tokens",
      principal: "device-7",
      ...OPERATION,
      allowed: 3,
      refused: 1,
      first_ms: NOON_MS - 500,
      last_ms: NOON_MS - 100,
    });
    expect(await env.DB.prepare("SELECT country, asn FROM principal_places").first()).toEqual({ country: "CH", asn: 64496 });
  });

  it("adds up what is reported of a caller, each report once, and in the end writes it without being asked", async () => {
    const region = new TestRegion("adds-up");
    for (let seq = 1; seq <= 20; seq++) {
      const one = report({ region: "adds-up", seq, traffic: [], callers: [caller({ lastMs: region.nowMs })] });
      await region.report(one);
      await region.report(one);
      await region.pass(1000);
    }
    // Known rows wait for their turn …
    const early = await storedCalls();
    expect(early).toBeGreaterThanOrEqual(4);
    expect(early).toBeLessThan(80);
    // … and then need no report to remind the region.
    for (let i = 0; i < 400 && (await region.pass(1000)); i++);
    expect(await storedCalls()).toBe(80);
    expect(await region.inside((object) => object.ledger.nextBatchMs(region.nowMs))).toBeNull();
  });

  it("keeps callers through a restart and a batch that was applied unheard, and counts each request once", async () => {
    const region = new TestRegion("restarts");
    await region.inside((object) => {
      object.db = failingDatabase("after");
    });
    const send = (seq: number) => region.report(report({ region: "restarts", seq, traffic: [], callers: [caller()] }));
    await send(1);
    await region.pass(1000);
    expect(await storedCalls()).toBe(4);
    await send(2);
    await evictDurableObject(region.stub);
    await send(2);
    await send(3);
    await evictDurableObject(region.stub);
    for (let i = 0; i < 400; i++) await region.pass(1000);
    expect(await storedCalls()).toBe(12);
    expect(await countOf("SELECT COUNT(*) AS n FROM principals")).toBe(1);
  });

  it("reads a journal from before it knew of callers", async () => {
    const region = new TestRegion("older");
    await region.report(report({ region: "older" }));
    await region.inside((_, state) => {
      const { callers, counters, ...old } = report({ region: "older", seq: 2 });
      const json = JSON.stringify({ ...old, v: 1, counters: { requestsDropped: 0 } });
      state.storage.sql.exec("INSERT INTO inbox (received_ms, report) VALUES (?, ?)", NOON_MS, json);
      state.storage.sql.exec(`UPDATE documents SET json = replace(json, ',"callers":[]', '') WHERE name = 'carry'`);
      state.storage.sql.exec(
        `UPDATE documents SET json = replace(json, '"callersUnlisted":0,"placesUnlisted":0,', '') WHERE name = 'totals'`,
      );
    });
    await evictDurableObject(region.stub);
    await region.pass(1000);
    expect(await region.accounts()).toEqual({ reported: 8, stored: 8, dropped: 0, pending: 0 });
    expect(await env.DB.prepare("SELECT callers_unlisted FROM regions").first("callers_unlisted")).toBe(0);
  });

  it("says in health and in D1 how many requests no caller's row counts", async () => {
    const region = new TestRegion("unlisted");
    const counters = { ...NOTHING_LOST, callersUnlisted: 7, placesUnlisted: 2 };
    await region.report(report({ region: "unlisted", callers: [caller()], counters }));
    await region.report(report({ region: "unlisted", seq: 2, counters }));
    expect(await region.inside((object) => object.health())).toMatchObject({ callersUnlisted: 14, placesUnlisted: 4 });
    await region.pass(1000);
    expect(await env.DB.prepare("SELECT callers_unlisted AS c, places_unlisted AS p FROM regions").first()).toEqual({
      c: 14,
      p: 4,
    });
  });

  it("writes a flood of new callers within the budget, by D1's own count, and accounts for every one of their requests", async () => {
    const region = new TestRegion("crowd");
    const perDay = await region.inside((object) => object.ledger.budget.perDay);
    let billed = 0;
    await region.inside((object) => {
      const batch = async <T>(statements: D1PreparedStatement[]) => {
        const results = await env.DB.batch<T>(statements);
        billed += results.reduce((sum, result) => sum + result.meta.rows_written, 0);
        return results;
      };
      object.db = { batch, prepare: (sql: string) => env.DB.prepare(sql) } as unknown as D1Database;
    });
    const hours = 1;
    for (let step = 1; step <= hours * 120; step++) {
      const callers = Array.from({ length: 60 }, (_, i) =>
        caller({ principal: `device-${step % 2 === 0 ? i : step * 100 + i}`, operations: [[0, 1, 0]] }),
      );
      await region.report(
        report({
          region: "crowd",
          seq: step,
          allowed: 60,
          refused: 0,
          traffic: [],
          callers,
          samples: [sample({ region: "crowd" })],
        }),
      );
      await region.pass(30_000);
    }
    const spent = await region.inside((object) => object.ledger.budget.spentToday);
    expect(billed).toBe(spent);
    // An hour's accrual, and what the lanes were given at the start: an hour of the callers' share, minutes of the others'.
    expect(billed).toBeLessThanOrEqual((perDay / 24) * 1.1 + (perDay * 300) / 86_400);
    const waiting = await region.inside((object) =>
      object.ledger.pending.callers
        .save()
        .flatMap(({ operations }) => operations)
        .reduce((n, { allowed }) => n + allowed, 0),
    );
    const unlisted = await region.inside((object) => object.ledger.unlisted.callersUnlisted);
    expect((await storedCalls()) + waiting + unlisted).toBe(hours * 120 * 60);
    expect(await countOf("SELECT COUNT(*) AS n FROM principals")).toBeGreaterThan(perDay / 24 / 20);
  });
});

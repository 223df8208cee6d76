import { evictDurableObject } from "cloudflare:test";
import { beforeEach, expect, it } from "vitest";
import { countOf, env, failingDatabase, NOON_MS, report, sample, storedRequests, TestRegion } from "./region-fixture.ts";

const telemetryTables = ["regions", "rollups", "traffic", "latency", "events"];

beforeEach(async () => {
  await env.DB.batch(telemetryTables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});

it("brings reports to D1: counts, traffic, closed minutes' latency, samples", async () => {
  const region = new TestRegion("writes");
  await region.report(report({ region: "writes", allowed: 5, refused: 2 }));
  expect(await region.pass(1000)).toBe(true);
  expect(await region.accounts()).toEqual({ reported: 7, stored: 7, dropped: 0, pending: 0 });
  expect(await storedRequests()).toBe(7);
  expect(await env.DB.prepare("SELECT region, batch_seq, reported, stored, dropped FROM regions").first()).toEqual({
    region: "writes",
    batch_seq: 1,
    reported: 7,
    stored: 7,
    dropped: 0,
  });
  expect(await env.DB.prepare("SELECT status_2xx, bytes_in, bytes_out FROM traffic").first()).toEqual({
    status_2xx: 5,
    bytes_in: 10,
    bytes_out: 20,
  });
  expect(await env.DB.prepare("SELECT id, latency_ms, limit_name, stands_for FROM events").first()).toEqual({
    id: "00000000000000aa",
    latency_ms: 12.5,
    limit_name: "",
    stands_for: 1,
  });
  expect(await countOf("SELECT COUNT(*) AS n FROM latency")).toBe(0);
  await region.pass(70_000);
  expect(await env.DB.prepare("SELECT bucket, requests FROM latency").first()).toEqual({ bucket: 40, requests: 5 });
});

it("sets its alarm by its own clock, never in the past", async () => {
  const region = new TestRegion("alarm");
  await region.report(report({ region: "alarm" }));
  expect(await region.inside((_, state) => state.storage.getAlarm())).toBe(NOON_MS);
});

it("adds to the minute's rows instead of writing more of them", async () => {
  const region = new TestRegion("adds");
  for (let seq = 1; seq <= 5; seq++) {
    await region.report(report({ region: "adds", seq }));
    await region.pass(5000);
  }
  expect(await storedRequests()).toBe(20);
  expect(await countOf("SELECT COUNT(*) AS n FROM rollups")).toBe(2);
});

it.each(["before", "after"] as const)("keeps the account while D1 fails %s it writes, and catches up once", async (when) => {
  const name = `fails-${when}`;
  const region = new TestRegion(name);
  await region.inside((object) => {
    object.db = failingDatabase(when);
  });
  for (let seq = 1; seq <= 6; seq++) {
    await region.report(report({ region: name, seq }));
    await region.pass(1000);
    const { reported, stored, dropped, pending } = await region.accounts();
    expect(reported).toBe(4 * seq);
    expect(stored + dropped + pending).toBe(reported);
  }
  expect((await region.inside((object) => object.health())).d1Failures).toBeGreaterThan(1);
  await region.inside((object) => {
    object.db = env.DB;
  });
  await region.pass(30_000);
  await region.pass(30_000);
  expect(await region.accounts()).toEqual({ reported: 24, stored: 24, dropped: 0, pending: 0 });
  expect(await storedRequests()).toBe(24);
});

it("waits longer and longer for D1, but never more than half a minute", async () => {
  const region = new TestRegion("waits");
  await region.inside((object) => {
    object.db = failingDatabase("before");
  });
  await region.report(report({ region: "waits" }));
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    await region.pass(30_000);
    const alarmMs = await region.inside((_, state) => state.storage.getAlarm());
    waits.push((alarmMs ?? 0) - region.nowMs);
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

it("applies a batch exactly once when the object dies between D1's commit and its own", async () => {
  const region = new TestRegion("crash");
  await region.inside((object) => {
    object.db = failingDatabase("after");
  });
  await region.report(report({ region: "crash" }));
  await region.pass(1000);
  expect(await storedRequests()).toBe(4);
  await region.report(report({ region: "crash", seq: 2 }));
  await evictDurableObject(region.stub);
  // The new instance knows only what the journal holds.
  expect(await region.accounts()).toEqual({ reported: 8, stored: 0, dropped: 0, pending: 8 });
  await region.report(report({ region: "crash", seq: 2 }));
  await region.pass(1000);
  await region.pass(2000);
  await region.pass(2000);
  expect(await region.accounts()).toEqual({ reported: 8, stored: 8, dropped: 0, pending: 0 });
  expect(await storedRequests()).toBe(8);
  expect(await env.DB.prepare("SELECT stored FROM regions").first("stored")).toBe(8);
});

it("counts a report once that came while a batch was on its way, after a restart too", async () => {
  const region = new TestRegion("meanwhile");
  await region.inside((object) => {
    const batch = async (statements: D1PreparedStatement[]) => {
      const results = await env.DB.batch(statements);
      await object.report(report({ region: "meanwhile", seq: 2 }));
      return results;
    };
    object.db = { batch, prepare: (sql: string) => env.DB.prepare(sql) } as unknown as D1Database;
  });
  await region.report(report({ region: "meanwhile" }));
  await region.pass(1000);
  const account = { reported: 8, stored: 4, dropped: 0, pending: 4 };
  expect(await region.accounts()).toEqual(account);
  await evictDurableObject(region.stub);
  expect(await region.accounts()).toEqual(account);
});

it("keeps reports that were never in a batch across a restart, with their latency, samples and pulse", async () => {
  const region = new TestRegion("restart");
  await region.report(report({ region: "restart", samples: [sample({ region: "restart", threshold: 1.5 })] }));
  await region.pass(1000);
  await region.report(report({ region: "restart", seq: 2 }));
  const query = { afterSeq: {}, fromMs: region.nowMs - 10_000, toMs: region.nowMs };
  const before = await region.inside((object) => object.snapshot(query));
  await evictDurableObject(region.stub);
  const incarnation = before.incarnation;
  const after = await region.inside((object) => object.snapshot({ ...query, afterSeq: { [incarnation]: 1 } }));
  expect(after).toMatchObject({ incarnation, reported: 8, stored: 4, pending: 4, steps: before.steps });
  expect(after.unread?.latency).toEqual([expect.objectContaining({ bucket: 40, requests: 6 })]);
  // It no longer holds batch 1 in memory: a reader of D1 that did not see it must look again.
  expect((await region.inside((object) => object.snapshot(query))).unread).toBeNull();
});

it("starts a wiped object anew without colliding with what it wrote before", async () => {
  const region = new TestRegion("wiped");
  await region.report(report({ region: "wiped" }));
  await region.pass(1000);
  await region.inside((_, state) => state.storage.deleteAll());
  await evictDurableObject(region.stub);
  await region.report(report({ region: "wiped" }));
  await region.pass(1000);
  expect(await storedRequests()).toBe(8);
  expect(await countOf("SELECT COUNT(*) AS n FROM regions WHERE region = 'wiped'")).toBe(2);
});

it("bounds its own storage while D1 is away for long, and loses no request", async () => {
  const region = new TestRegion("outage");
  await region.inside(async (object, state) => {
    object.db = failingDatabase("before");
    for (let seq = 1; seq <= 4500; seq++) {
      const operations = [{ service: "fleet", method: "GET", operation: `/fleet/${seq % 6000}` }];
      await object.report(report({ region: "outage", seq, operations, samples: [] }));
    }
    expect([...state.storage.sql.exec("SELECT id FROM inbox")].length).toBeLessThan(2000);
    expect(object.ledger.pending.rollups.size).toBeLessThanOrEqual(4096 * 1.125);
  });
  expect(await region.accounts()).toEqual({ reported: 18_000, stored: 0, dropped: 0, pending: 18_000 });
  await evictDurableObject(region.stub);
  expect(await region.accounts()).toEqual({ reported: 18_000, stored: 0, dropped: 0, pending: 18_000 });
});

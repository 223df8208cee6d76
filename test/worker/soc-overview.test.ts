import { evictDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { addEvents } from "../../worker/db/events.ts";
import { estimateDistinct } from "../../worker/soc/estimates.ts";
import { latencyQuantile } from "../../worker/soc/latency-quantile.ts";
import { overviewRange, rangeNames } from "../../worker/soc/overview-range.ts";
import { env, failingDatabase, NOON_MS, report, sample, TestRegion } from "./region-fixture.ts";
import { TestSoc } from "./soc-fixture.ts";

interface Overview {
  range: { fromMs: number; toMs: number; stepMs: number };
  totals: {
    requests: number;
    refused: number;
    shadow: number;
    upstreamFailures: number;
    p95Ms: number | null;
    principals: unknown;
  };
  previous: { requests: number; refused: number } | null;
  regions: {
    region: string;
    requests: number;
    refused: number;
    lastReportMs: number | null;
    series: ({ requests: number } | null)[];
  }[];
  operations: { operation: string; requests: number; refused: number; owner: string; p95Ms: number | null }[];
  reasons: { reason: string; verdict: string; operation: string; requests: number }[];
  principals: { principal: string; refused: { value: number; low: number; high: number } }[];
  telemetry: { reported: number; stored: number; dropped: number; pending: number };
}

const names = ["weur", "enam", "apac"];
let soc: TestSoc;
beforeAll(() => signIn(NOON_MS));

async function signIn(nowMs: number): Promise<void> {
  soc = await TestSoc.signedIn(nowMs);
  soc.bindings = { ...env, REGIONS: names.join(",") };
}

async function overview(range: string, nowMs = soc.nowMs): Promise<Overview> {
  soc.nowMs = nowMs;
  const response = await soc.call(`/api/v1/overview?range=${range}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Overview;
}

/** Small and seeded (Park and Miller 1988), so that a failure repeats. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

it("is empty before anything was reported", async () => {
  const empty = await overview("15m");
  expect(empty.totals).toEqual({ requests: 0, refused: 0, shadow: 0, upstreamFailures: 0, p95Ms: null, principals: null });
  expect(empty.previous).toBeNull();
  expect(
    empty.regions.map(({ region, lastReportMs, series }) => [region, lastReportMs, series.every((step) => step === null)]),
  ).toEqual([
    ["apac", null, true],
    ["enam", null, true],
    ["weur", null, true],
  ]);
});

it("equals the sum of all reports at any instant, through flushes, D1's failures and restarts", async () => {
  const pick = random(7);
  const regions = names.map((name) => new TestRegion(name));
  const sum = { requests: 0, refused: 0, failures: 0 };
  let nowMs = NOON_MS;
  for (let seq = 1; seq <= 60; seq++) {
    nowMs += pick(4000);
    const region = regions[pick(3)] as TestRegion;
    for (const other of regions) other.nowMs = nowMs;
    const name = names[regions.indexOf(region)] ?? "";
    const [allowed, refused] = [pick(50), pick(9)];
    const traffic = [
      {
        operation: 0,
        statuses: [0, allowed, 0, 0, 0, 1],
        bytesIn: 1,
        bytesOut: 1,
        latency: [[pick(100), allowed + 1]] as [number, number][],
      },
    ];
    await region.report(report({ region: name, seq, allowed, refused, traffic, fromMs: nowMs - 1000, toMs: nowMs, samples: [] }));
    sum.requests += allowed + refused;
    sum.refused += refused;
    sum.failures += 1;
    const what = pick(6);
    if (what === 0) await evictDurableObject(region.stub);
    else if (what < 4) {
      await region.inside((object) => {
        object.db = what === 1 ? failingDatabase("after") : env.DB;
      });
      await region.pass(pick(3000));
      nowMs = Math.max(nowMs, region.nowMs);
    }
    const seen = await overview(rangeNames[pick(rangeNames.length)] ?? "15m", nowMs);
    expect(seen.totals).toMatchObject({ requests: sum.requests, refused: sum.refused, upstreamFailures: sum.failures });
    expect(seen.regions.reduce((total, item) => total + item.requests, 0)).toBe(sum.requests);
    expect(seen.operations.reduce((total, item) => total + item.requests, 0)).toBe(sum.requests);
    expect(seen.telemetry.reported).toBe(sum.requests);
    expect(seen.telemetry.stored + seen.telemetry.dropped + seen.telemetry.pending).toBe(sum.requests);
    const shown = seen.regions.flatMap(({ series }) => series).reduce((total, step) => total + (step?.requests ?? 0), 0);
    // A short series lives in the objects' memory: it may miss what a restart forgot, and never shows more than was reported.
    if (seen.range.stepMs >= 60_000) expect(shown).toBe(sum.requests);
    else expect(shown).toBeLessThanOrEqual(sum.requests);
  }
  expect(sum.requests).toBeGreaterThan(500);
});

it("groups by reason and operation, names the owner's operation, and compares with the time before", async () => {
  const region = new TestRegion("weur", NOON_MS + 7 * 86_400_000);
  await signIn(region.nowMs);
  const minute = (ago: number) => ({ fromMs: region.nowMs - ago * 60_000, toMs: region.nowMs - ago * 60_000 });
  const operations = [
    { service: "fleet", method: "GET", operation: "/a" },
    { service: "fleet", method: "POST", operation: "/b" },
  ];
  const rollups = [
    { operation: 0, verdict: "refuse" as const, reason: "rate_limited", requests: 5 },
    { operation: 1, verdict: "refuse" as const, reason: "rate_limited", requests: 7 },
    { operation: 1, verdict: "shadow" as const, reason: "operation_unknown", requests: 2 },
    { operation: 0, verdict: "allow" as const, reason: "", requests: 10 },
  ];
  const base = { region: "weur", operations, rollups, requests: 24, traffic: [], samples: [] };
  await region.report(report({ ...base, seq: 1001, ...minute(8) }));
  await region.report(report({ ...base, seq: 1002, ...minute(1) }));
  const seen = await overview("5m", region.nowMs);
  expect(seen.totals).toMatchObject({ requests: 24, refused: 12, shadow: 2 });
  expect(seen.previous).toEqual({ requests: 24, refused: 12 });
  expect(seen.reasons).toEqual([
    { reason: "rate_limited", verdict: "refuse", service: "fleet", operation: "/b", requests: 12 },
    { reason: "operation_unknown", verdict: "shadow", service: "fleet", operation: "/b", requests: 2 },
  ]);
  expect(seen.operations.map(({ operation, requests, refused }) => [operation, requests, refused])).toEqual([
    ["/a", 15, 5],
    ["/b", 9, 7],
  ]);
});

it("estimates refused principals from stored and unread samples together, within the exact total", async () => {
  const nowMs = NOON_MS + 14 * 86_400_000;
  await signIn(nowMs);
  const refused = { verdict: "refuse" as const, reason: "scope_missing", timeMs: nowMs, region: "weur" };
  const rows = [
    sample({ ...refused, id: "00000000000000b1", threshold: 40, priority: 50 }),
    sample({ ...refused, id: "00000000000000b4", principal: "", kind: "", threshold: 10, priority: 50 }),
  ];
  await env.DB.batch(
    addEvents(
      env.DB,
      rows.map((row) => ({ ...row, standsFor: row.threshold })),
    ),
  );
  const region = new TestRegion("weur", nowMs);
  const samples = [
    sample({ ...refused, id: "00000000000000b2", threshold: 10, priority: 30 }),
    sample({ ...refused, id: "00000000000000b3", principal: "device-8", threshold: 10, priority: 30 }),
  ];
  await region.report(report({ region: "weur", seq: 2001, fromMs: nowMs, toMs: nowMs, refused: 37, samples }));
  const { principals, reasons } = await overview("5m", nowMs);
  expect(reasons).toMatchObject([{ reason: "scope_missing", requests: 37 }]);
  // The four samples are certain; the 33 others are shared as the samples stand for more than themselves: 39, 9, 9 and 9.
  expect(principals).toMatchObject([
    { principal: "device-7", kind: "device", refused: { value: 26 } },
    { principal: "device-8", kind: "device", refused: { value: 6 } },
  ]);
  for (const { refused } of principals) {
    expect(refused.low).toBeGreaterThanOrEqual(1);
    expect(refused.high).toBeLessThanOrEqual(37);
  }
});

it("pages through stored events, newest first, each once", async () => {
  const nowMs = NOON_MS + 30 * 86_400_000;
  await signIn(nowMs);
  const rows = Array.from({ length: 25 }, (_, index) => ({
    ...sample({
      id: index.toString(16).padStart(16, "0"),
      timeMs: nowMs + Math.floor(index / 3),
      region: index % 2 ? "enam" : "apac",
    }),
    standsFor: 1,
  }));
  await env.DB.batch(addEvents(env.DB, rows));
  const seen: string[] = [];
  let next: string | null = "";
  while (next !== null && seen.length < 100) {
    const response = await soc.call(`/api/v1/events?limit=4&region=enam${next && `&before=${next}`}`);
    const page = (await response.json()) as { events: { id: string; region: string }[]; next: string | null };
    seen.push(...page.events.filter((event) => event.region === "enam").map((event) => event.id));
    next = page.events.length === 0 ? null : page.next;
  }
  expect(seen).toEqual(
    rows
      .filter((row) => row.region === "enam")
      .map((row) => row.id)
      .reverse(),
  );
  for (const query of ["limit=0", "limit=501", "before=1", "before=1-x'--", "verdict=all"]) {
    expect((await soc.call(`/api/v1/events?${query}`)).status).toBe(400);
  }
});

describe("figures", () => {
  it("of latency lie within 5 % of the true quantile", () => {
    const gamma = 1.05 / 0.95;
    const pick = random(11);
    const latencies = Array.from({ length: 5000 }, () => 0.2 + pick(100_000) / 37);
    const buckets = new Map<number, number>();
    for (const ms of latencies) {
      const bucket = Math.ceil(Math.log(ms / 0.1) / Math.log(gamma));
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
    }
    const sorted = latencies.sort((a, b) => a - b);
    for (const q of [0.5, 0.95, 0.99]) {
      const truth = sorted[Math.ceil(q * 5000) - 1] ?? 0;
      expect(Math.abs((latencyQuantile(buckets, q) ?? 0) / truth - 1)).toBeLessThanOrEqual(0.05 + 1e-9);
    }
    expect(latencyQuantile(new Map(), 0.95)).toBeNull();
  });

  it("of distinct callers are exact when nothing was left out, and cover the truth 95 times in 100 otherwise", () => {
    expect(estimateDistinct(17, 9, 2, false)).toEqual({ value: 17, low: 17, high: 17 });
    const pick = random(5);
    let covered = 0;
    for (let trial = 0; trial < 400; trial++) {
      const samples = new Map<number, number>();
      for (let draw = 0; draw < 300; draw++) {
        const caller = pick(200);
        samples.set(caller, (samples.get(caller) ?? 0) + 1);
      }
      const times = (n: number) => [...samples.values()].filter((count) => count === n).length;
      const { low, high } = estimateDistinct(samples.size, times(1), times(2), true);
      if (low <= 200 && 200 <= high) covered++;
    }
    expect(covered / 400).toBeGreaterThan(0.92);
  });

  it("of a range begin at a whole minute and step, and cover its length", () => {
    for (const name of rangeNames) {
      const range = overviewRange(name, NOON_MS + 12_345);
      expect(range.fromMs % 60_000).toBe(0);
      expect(range.fromMs % range.stepMs).toBe(0);
      const lengthMs = Number.parseInt(name, 10) * (name.endsWith("m") ? 60_000 : 3_600_000);
      expect(range.toMs - range.fromMs).toBeGreaterThanOrEqual(lengthMs);
    }
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import type { PeakRow } from "../../worker/db/peak-row.ts";
import { addPeaks } from "../../worker/db/peaks.ts";
import type { LimitSuggestions } from "../../worker/soc/limit-suggestions-schema.ts";
import { env, NOON_MS } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const TODAY = Math.floor(NOON_MS / 86_400_000);
let soc: TestSoc;

const policy = {
  picket: 1,
  services: [
    {
      name: "orders",
      match: { path: "/orders" },
      upstream: "http://127.0.0.1:1",
      auth: ["keys"],
      operations: ["GET /orders/{id}", "POST /orders/new"],
    },
    { name: "young", match: { path: "/young" }, upstream: "http://127.0.0.1:1", auth: ["keys"], operations: ["GET /young"] },
  ],
  authenticators: [{ name: "keys", type: "api-key", keys: [{ id: "acme", sha256: "ab".repeat(32) }] }],
};

const peak = (over: Partial<PeakRow>): PeakRow => ({
  day: TODAY,
  region: "weur",
  authenticator: "keys",
  principal: "p",
  service: "orders",
  method: "GET",
  operation: "/orders/{id}",
  minute: 10,
  burst: 5,
  asked: 10,
  ...over,
});

async function suggestions(query: Record<string, string> = {}): Promise<LimitSuggestions> {
  const response = await soc.call(`/api/v1/limits/suggestions?${new URLSearchParams(query)}`);
  expect(response.status).toBe(200);
  return (await response.json()) as LimitSuggestions;
}

const operation = async (method: string, query: Record<string, string> = {}) =>
  (await suggestions(query)).suggestions.find((one) => one.method === method);

beforeAll(async () => {
  soc = await TestSoc.signedIn();
  expect((await soc.admin("/api/v1/policies", { body: JSON.stringify(policy) })).status).toBe(201);
  const devices = Array.from({ length: 400 }, (_, i) => peak({ principal: `d${i}`, minute: 1 + (i % 100), burst: 1 }));
  await env.DB.batch([
    ...addPeaks(env.DB, [
      ...devices,
      peak({ principal: "d0", day: TODAY - 35, minute: 1, burst: 1 }),
      // Regions of a day are added up, days are not.
      peak({ principal: "acme", day: TODAY - 20, minute: 300, burst: 90, asked: 500 }),
      peak({ principal: "acme", day: TODAY - 20, region: "enam", minute: 200, burst: 60, asked: 200 }),
      peak({ principal: "acme", minute: 400, burst: 20 }),
      // Before the time that is looked at, and of an operation that the policy does not list.
      peak({ principal: "acme", day: TODAY - 41, minute: 9_000 }),
      peak({ principal: "acme", operation: "/gone", minute: 9_000 }),
      // Three who are mostly refused, one of them never let pass.
      peak({ principal: "thief", minute: 4_000, burst: 4_000, asked: 90_000 }),
      peak({ principal: "robber", minute: 700 }),
      peak({ principal: "blocked", minute: 0, burst: 0, asked: 50 }),
      ...Array.from({ length: 4 }, (_, i) =>
        peak({ principal: `d${i}`, day: TODAY - 9, method: "POST", operation: "/orders/new" }),
      ),
      peak({ principal: "d1", day: TODAY - 3, service: "young", operation: "/young" }),
    ]),
    ...(
      [
        ["thief", 10, 11],
        ["robber", 0, 1],
        ["acme", 10, 10],
      ] as const
    ).map(([principal, allowed, refused]) =>
      env.DB.prepare("INSERT INTO principal_operations VALUES ('keys', ?1, 'orders', 'GET', '/orders/{id}', ?2, ?3, 1, 2)").bind(
        principal,
        allowed,
        refused,
      ),
    ),
    env.DB.prepare(
      `INSERT INTO regions (region, incarnation, batch_seq, reported, stored, dropped, last_report_ms, peaks_unlisted)
       VALUES ('weur', 'a', 1, 9, 9, 0, 1, 7), ('enam', 'a', 1, 9, 9, 0, 1, 5)`,
    ),
  ]);
});

describe("suggested limits", () => {
  it("are made of the largest day of each caller over all regions, of those who are mostly let pass", async () => {
    const read = await suggestions();
    expect(read).toMatchObject({ isComplete: true, requestsUnlisted: 12, minDays: 7, minCallers: 5 });
    expect(read.suggestions.map((one) => `${one.method} ${one.operation}`)).toEqual([
      "GET /orders/{id}",
      "POST /orders/new",
      "GET /young",
    ]);
    expect(await operation("GET", { service: "orders" })).toEqual({
      service: "orders",
      method: "GET",
      operation: "/orders/{id}",
      callers: 401,
      leftOut: 3,
      days: 35,
      coversMonth: true,
      minute: {
        p50: { value: 51, low: 46, high: 56 },
        p90: { value: 91, low: 88, high: 94 },
        p99: { value: 100, low: 99, high: 500 },
        max: 500,
      },
      largest: { authenticator: "keys", principal: "acme", minute: 500, burst: 150 },
      asked: 700,
      exceedance: 1 / 402,
      state: "ready",
      // 1.25 × 500 = 625. Three tens of seconds on both sides of a minute's edge hold 900, and 35 s of 500 a minute let 292 flow off.
      limit: { rate: "630/1m", burst: 770 },
      callersAbove: 0,
      above: [],
    });
  });

  it("at the 99th percentile name who is above them", async () => {
    const found = await operation("GET", { at: "p99" });
    expect(found).toMatchObject({
      limit: { rate: "130/1m" },
      callersAbove: 1,
      above: [{ authenticator: "keys", principal: "acme", minute: 500, burst: 150 }],
    });
  });

  it("are not there before enough was seen, and say what is missing", async () => {
    expect(await operation("POST")).toMatchObject({ state: "too_few_callers", callers: 4, days: 9, limit: null });
    expect(await operation("POST", { minCallers: "4" })).toMatchObject({ state: "ready", coversMonth: false });
    const young = { service: "young" };
    expect(await operation("GET", young)).toMatchObject({ state: "too_few_days", callers: 1, days: 3, limit: null });
    expect(await operation("GET", { ...young, minDays: "3", minCallers: "1" })).toMatchObject({ state: "ready" });
    expect((await suggestions({ service: "nobody" })).suggestions).toEqual([]);
    expect(await operation("GET", { days: "10" })).toMatchObject({ days: 0, state: "too_few_days", minute: { max: 400 } });
  });

  it("refuse strangers and questions that make no sense", async () => {
    const path = "/api/v1/limits/suggestions";
    expect(await codeOf(await new TestSoc().call(path))).toBe("session_missing");
    expect((await new TestSoc().admin(path, { method: "GET" })).status).toBe(200);
    for (const query of ["at=p50", "days=0", "days=41", "minDays=-1", "minCallers=0", `service=${"x".repeat(64)}`]) {
      expect([query, await codeOf(await soc.call(`${path}?${query}`))]).toEqual([query, "request_invalid"]);
    }
  });
});

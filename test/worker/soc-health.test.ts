import { evictDurableObject } from "cloudflare:test";
import { beforeAll, expect, it } from "vitest";
import { env, NOTHING_LOST, report, TestRegion } from "./region-fixture.ts";
import { TestSoc } from "./soc-fixture.ts";

let soc: TestSoc;
beforeAll(async () => {
  soc = await TestSoc.signedIn();
});

const health = async (host?: string) => (await soc.call("/health", host === undefined ? {} : { host })).json();

it("tells loopback and signed-in callers details, others its status alone", async () => {
  const stranger = new TestSoc();
  const details = {
    version: expect.any(String),
    policy: { version: 0, ageMs: 0 },
    telemetry: { reported: 0, stored: 0, dropped: 0, pending: 0 },
  };
  for (const host of ["http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:2"]) {
    expect(await (await stranger.call("/health", { host })).json()).toEqual({ status: "degraded", ...details });
  }
  expect(await (await stranger.call("/health", { host: "https://picket.example" })).json()).toEqual({ status: "degraded" });
  expect(await health("https://picket.example")).toEqual({ status: "degraded", ...details });
});

it("asks D1 and the regions for strangers once in five seconds, however many call", async () => {
  const stranger = new TestSoc();
  let asked = 0;
  const batch: D1Database["batch"] = (statements) => {
    asked++;
    return env.DB.batch(statements);
  };
  stranger.bindings = { ...env, DB: { prepare: env.DB.prepare.bind(env.DB), batch } as unknown as D1Database };
  const ask = async (times: number) => {
    const call = () => stranger.call("/health", { host: "https://picket.example" });
    const answers = await Promise.all(Array.from({ length: times }, call));
    return Promise.all(answers.map((answer) => answer.json()));
  };
  await ask(1);
  expect(await ask(50)).toEqual(new Array(50).fill({ status: "degraded" }));
  expect(asked).toBe(1);
  stranger.nowMs += 4_999;
  await ask(50);
  expect(asked).toBe(1);
  stranger.nowMs += 1;
  await ask(50);
  expect(asked).toBe(2);
});

it("accounts for every request of a live object, and of one that was wiped", async () => {
  const region = new TestRegion();
  const counters = { ...NOTHING_LOST, reportsDropped: 1, requestsDropped: 5 };
  await region.report(report({ counters }));
  expect(await health()).toMatchObject({ telemetry: { reported: 9, stored: 0, dropped: 5, pending: 4 } });
  await region.pass(1000);
  expect(await health()).toMatchObject({ telemetry: { reported: 9, stored: 4, dropped: 5, pending: 0 } });
  await region.inside((_, state) => state.storage.deleteAll());
  await evictDurableObject(region.stub);
  await region.report(report({ isolate: "00000000000000ff" }));
  expect(await health()).toMatchObject({ telemetry: { reported: 13, stored: 4, dropped: 5, pending: 4 } });
});

it("speaks of D1's last account when a region does not answer", async () => {
  const away = { getByName: () => ({ health: () => Promise.reject(new Error("away")) }) };
  soc.bindings = { ...env, REGION_OBJECTS: away as unknown as Env["REGION_OBJECTS"] };
  expect(await health()).toMatchObject({ status: "degraded", telemetry: { reported: 9, stored: 4, dropped: 5, pending: 0 } });
  soc.bindings = { ...env };
});

it("never tells those who may know an old answer", async () => {
  const region = new TestRegion();
  const before = (await health("https://picket.example")) as { telemetry: { reported: number } };
  await region.report(report({ isolate: "00000000000000ee", samples: [] }));
  const reported = before.telemetry.reported + 4;
  expect(await health("https://picket.example")).toMatchObject({ telemetry: { reported } });
});

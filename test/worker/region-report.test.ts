import { expect, it } from "vitest";
import type { Report } from "../../worker/region/report.ts";
import { caller, NOTHING_LOST, refusal, report, sample, TestRegion } from "./region-fixture.ts";

it("takes a report once, however often it comes", async () => {
  const region = new TestRegion("once");
  const first = report({ region: "once" });
  expect(await region.report(first)).toMatchObject({ v: 3, seq: 1, nextReportMs: 1000, policyVersion: 0 });
  expect(await region.report(first)).toMatchObject({ v: 3, seq: 1 });
  expect(await region.accounts()).toEqual({ reported: 4, stored: 0, dropped: 0, pending: 4 });
  const rows = await region.inside((_, state) => [...state.storage.sql.exec("SELECT id FROM inbox")].length);
  expect(rows).toBe(1);
});

it("takes reports that overtake each other, and none that is too old to tell", async () => {
  const region = new TestRegion("overtaking");
  for (const seq of [1, 3, 2, 40, 9, 8, 2, 3, 40]) await region.report(report({ region: "overtaking", seq }));
  // 8 is 32 behind 40: out of the window. 9 is within.
  expect(await region.accounts()).toMatchObject({ reported: 4 * 5, pending: 4 * 5 });
});

it("counts what an isolate dropped as reported and as dropped", async () => {
  const region = new TestRegion("dropping");
  const counters = { ...NOTHING_LOST, reportsDropped: 2, requestsDropped: 70 };
  await region.report(report({ region: "dropping", counters }));
  expect(await region.accounts()).toEqual({ reported: 74, stored: 0, dropped: 70, pending: 4 });
});

const good = report({ region: "strict" });
const rollup = { operation: 0, verdict: "allow", reason: "", requests: 4 };
const traffic = { operation: 0, statuses: [0, 0, 0, 0, 0, 0], bytesIn: 0, bytesOut: 0, latency: [] };
const withCaller = (over: object) => ({ ...good, callers: [{ ...caller(), ...over }] });
const withSample = (over: object) => ({ ...good, samples: [{ ...sample({ region: "strict" }), ...over }] });
const withTraffic = (over: object) => ({ ...good, traffic: [{ ...traffic, ...over }] });
const withRollup = (over: object) => ({ ...good, rollups: [{ ...rollup, ...over }] });

const hex = (n: number) => n.toString(16).padStart(16, "0");
const withRefusal = (over: object) => ({ ...good, refusals: [refusal(over)] });

const malformed: [string, unknown][] = [
  ["report_malformed", null],
  ["report_malformed", "report"],
  ["report_malformed", [good]],
  ["report_version_unknown", { ...good, v: 1 }],
  ["report_version_unknown", {}],
  ["report_region_mismatch", { ...good, region: "elsewhere" }],
  ["report_isolate_invalid", { ...good, isolate: "0123456789ABCDEF" }],
  ["report_isolate_invalid", { ...good, isolate: "x'; DROP TABLE inbox;" }],
  ["report_isolate_invalid", { ...good, seq: 0 }],
  ["report_isolate_invalid", { ...good, seq: 1.5 }],
  ["report_isolate_invalid", { ...good, seq: Number.NaN }],
  ["report_time_invalid", { ...good, fromMs: good.toMs + 1 }],
  ["report_time_invalid", { ...good, toMs: Number.POSITIVE_INFINITY }],
  ["report_operations_invalid", { ...good, operations: {} }],
  ["report_operations_invalid", { ...good, operations: [{ service: "s".repeat(129), method: "GET", operation: "/" }] }],
  ["report_operations_invalid", { ...good, operations: new Array(4097).fill(good.operations[0]) }],
  ["report_rollups_invalid", withRollup({ operation: 1 })],
  ["report_rollups_invalid", withRollup({ operation: -1 })],
  ["report_rollups_invalid", withRollup({ verdict: "maybe" })],
  ["report_rollups_invalid", withRollup({ reason: "because" })],
  ["report_rollups_invalid", withRollup({ requests: -4 })],
  ["report_rollups_invalid", withRollup({ requests: 2 ** 41 })],
  ["report_rollups_invalid", withRollup({ requests: "4" })],
  ["report_requests_mismatch", { ...good, requests: 5 }],
  ["report_requests_mismatch", withRollup({ requests: 3 })],
  ["report_traffic_invalid", withTraffic({ statuses: [1, 2, 3] })],
  ["report_traffic_invalid", withTraffic({ bytesIn: Number.NaN })],
  ["report_traffic_invalid", withTraffic({ bytesOut: -1 })],
  ["report_traffic_invalid", withTraffic({ latency: [[140, 1]] })],
  ["report_traffic_invalid", withTraffic({ latency: [[1]] })],
  ["report_counters_invalid", { ...good, counters: null }],
  ["report_counters_invalid", { ...good, counters: { ...good.counters, requestsDropped: -1 } }],
  ["report_counters_invalid", { ...good, counters: { ...good.counters, callersUnlisted: undefined } }],
  ["report_callers_invalid", { ...good, callers: undefined }],
  ["report_callers_invalid", { ...good, callers: new Array(1025).fill(caller({ operations: [] })) }],
  ["report_callers_invalid", withCaller({ authenticator: "a\0b" })],
  ["report_callers_invalid", withCaller({ principal: "p".repeat(256) })],
  ["report_callers_invalid", withCaller({ principal: 7 })],
  ["report_callers_invalid", withCaller({ kind: "ghost" })],
  ["report_callers_invalid", withCaller({ credential: "k".repeat(65) })],
  ["report_callers_invalid", withCaller({ scopes: "s".repeat(513) })],
  ["report_callers_invalid", withCaller({ firmware: "4".repeat(33) })],
  ["report_callers_invalid", withCaller({ firmware: undefined })],
  ["report_callers_invalid", withCaller({ firmware: "4\n" })],
  ["report_callers_invalid", withCaller({ roles: null })],
  ["report_callers_invalid", withCaller({ issuedMs: 0.5 })],
  ["report_callers_invalid", withCaller({ expiresMs: 9e15 })],
  ["report_callers_invalid", withCaller({ lifetimeMs: -1 })],
  ["report_callers_invalid", withCaller({ endless: 1 })],
  ["report_callers_invalid", withCaller({ firstMs: 2, lastMs: 1 })],
  ["report_callers_invalid", withCaller({ addresses: [1] })],
  ["report_callers_invalid", withCaller({ addresses: [1, 2 ** 32] })],
  ["report_callers_invalid", withCaller({ places: new Array(5).fill(["CH", 1]) })],
  ["report_callers_invalid", withCaller({ places: [["CHE", 1]] })],
  ["report_callers_invalid", withCaller({ operations: [[1, 1, 0]] })],
  ["report_callers_invalid", withCaller({ operations: [[0, -1, 0]] })],
  ["report_callers_invalid", withCaller({ operations: [[0, 3, 2]] })],
  ["report_isolate_invalid", { ...good, blocksGeneration: -1 }],
  ["report_counters_invalid", { ...good, counters: { ...good.counters, refusalsUnlisted: undefined } }],
  ["report_refusals_invalid", { ...good, refusals: undefined }],
  ["report_refusals_invalid", { ...good, refusals: [refusal(), refusal()] }],
  [
    "report_refusals_invalid",
    { ...good, refusals: Array.from({ length: 257 }, (_, i) => refusal({ key: hex(i), refusals: 0 })) },
  ],
  ["report_refusals_invalid", withRefusal({ key: "0123456789ABCDEF" })],
  ["report_refusals_invalid", withRefusal({ key: 7 })],
  ["report_refusals_invalid", withRefusal({ limit: "l".repeat(129) })],
  ["report_refusals_invalid", withRefusal({ window: 8 })],
  ["report_refusals_invalid", withRefusal({ authenticator: null })],
  ["report_refusals_invalid", withRefusal({ principal: "p".repeat(97) })],
  ["report_refusals_invalid", withRefusal({ principal: { length: 1 } })],
  ["report_refusals_invalid", withRefusal({ address: "a".repeat(65) })],
  ["report_refusals_invalid", withRefusal({ refusals: 33 })],
  ["report_refusals_invalid", withRefusal({ refusals: -1 })],
  ["report_refusals_invalid", withRefusal({ knocks: 0.5 })],
  ["report_samples_invalid", { ...good, samples: null }],
  ["report_samples_invalid", withSample({ id: "aa" })],
  ["report_samples_invalid", withSample({ region: "elsewhere" })],
  ["report_samples_invalid", withSample({ stratum: 6 })],
  ["report_samples_invalid", withSample({ priority: 0 })],
  ["report_samples_invalid", withSample({ weight: Number.POSITIVE_INFINITY })],
  ["report_samples_invalid", withSample({ threshold: -1 })],
  ["report_samples_invalid", withSample({ path: "/".repeat(513) })],
  ["report_samples_invalid", withSample({ principal: { toString: "x" } })],
  ["report_samples_invalid", withSample({ kind: "ghost" })],
  ["report_samples_invalid", withSample({ status: 1000 })],
  ["report_samples_invalid", { ...good, samples: new Array(6 * 256 + 1).fill(sample({ region: "strict" })) }],
];

it.each(malformed)("refuses a malformed report: %s (%#)", async (code, value) => {
  const region = new TestRegion("strict");
  const before = await region.accounts();
  expect(await region.report(value)).toMatchObject({ seq: 0, refused: code });
  expect(await region.accounts()).toEqual(before);
});

it("takes the report that the malformed ones were made from", async () => {
  const region = new TestRegion("strict");
  expect(await region.report(good)).not.toHaveProperty("refused");
  expect(await region.report(withRollup({}) as Report)).not.toHaveProperty("refused");
  expect(await region.report(withCaller({}) as Report)).not.toHaveProperty("refused");
  expect(await region.report(withRefusal({ principal: "\u0000<b>", refusals: 32 }))).not.toHaveProperty("refused");
});

it("asks isolates to report less often when there are many", async () => {
  const region = new TestRegion("busy");
  let nextMs = 0;
  for (let isolate = 0; isolate < 600; isolate++) {
    nextMs = (await region.report(report({ region: "busy", isolate: isolate.toString(16).padStart(16, "0") }))).nextReportMs;
  }
  expect(nextMs).toBe(3000);
  expect(await region.accounts()).toMatchObject({ reported: 2400, pending: 2400 });
});

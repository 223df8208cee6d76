import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { PeakTable } from "../../worker/region/peak-table.ts";
import type { CallerIncrement } from "../../worker/region/report.ts";
import { suggestLimit } from "../../worker/soc/limit-suggestion.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";

const DAY_MS = 86_400_000;
const start = Date.UTC(2026, 9, 1);
const names = [{ service: "orders", method: "GET", operation: "/orders/{id}" }];

/** The partner's batch: 2,400 requests at 20 a second, from `atMs` on. */
const batch = (atMs: number, times = 1) => Array.from({ length: 2400 * times }, (_, i) => atMs + (i * 50) / times);

function report(table: PeakTable, principal: string, moments: readonly number[]): void {
  const seconds = new Map<number, number[]>();
  for (const at of moments) {
    const second = Math.floor(at / 1000);
    seconds.set(second, [...(seconds.get(second) ?? []), at]);
  }
  for (const of of seconds.values()) {
    const lastMs = Math.max(...of);
    const caller = { authenticator: "keys", principal, lastMs, operations: [[0, of.length, 0]] } as unknown as CallerIncrement;
    table.add(caller, names, "local", lastMs);
  }
}

test("a known partner's end-of-month batch passes under the suggested limit; ten times as much does not", async () => {
  const table = new PeakTable();
  for (let day = 0; day < 31; day++) {
    for (let device = 0; device < 20; device++)
      report(
        table,
        `d${device}`,
        [0, 1, 2].map((i) => start + day * DAY_MS + i * 20_000),
      );
  }
  report(table, "acme", batch(start + 30 * DAY_MS + 7_321));
  const peers = new Map<string, { minute: number; burst: number; callers: number }>();
  for (const { principal, minute, burst } of table.take(10_000, Number.POSITIVE_INFINITY)) {
    const known = peers.get(principal) ?? { minute: 0, burst: 0, callers: 1 };
    peers.set(principal, { minute: Math.max(known.minute, minute), burst: Math.max(known.burst, burst), callers: 1 });
  }
  const { limit, coversMonth } = suggestLimit([...peers.values()], 31, "max");
  if (limit === null) throw new Error("nothing is suggested");
  expect(coversMonth).toBe(true);
  const sha256 = createHash("sha256").update("acme-key").digest("hex");
  const compiled = await compileText(`
picket: 1
services:
  - { name: orders, match: { path: /orders }, upstream: "http://127.0.0.1:1", auth: [keys], operations: [{ method: GET, path: "/orders/{id}", limits: [s] }] }
authenticators: [{ name: keys, type: api-key, header: X-Api-Key, keys: [{ id: acme, sha256: "${sha256}" }] }]
limits: [{ name: s, by: principal, rate: ${limit.count}/1m, burst: ${limit.burst} }]
`);
  const refused = (moments: readonly number[]) => {
    const gateway = new TestGateway(newCore(), compiled.image);
    const verdicts = moments.map((nowMs) => gateway.decide({ path: "/orders/7", credentials: [null, "acme-key"], nowMs }));
    expect(verdicts[0]?.verdict).toBe(abi.VERDICT_ALLOW);
    return verdicts.filter(({ reason }) => reason === abi.REASON_RATE_LIMITED).length;
  };
  const nextMonth = start + 60 * DAY_MS + 41_777;
  expect(refused(batch(nextMonth))).toBe(0);
  expect(refused(batch(nextMonth, 10))).toBeGreaterThan(12_000);
});

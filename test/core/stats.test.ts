import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { newCore } from "./core-fixture.ts";

const core = newCore();

const ALPHA = 0.05;
const GAMMA = (1 + ALPHA) / (1 - ALPHA);

/** What a bucket stands for: the value with the same relative error to both of its ends (DDSketch §2.2). */
const middle = (bucket: number) => (0.1 * 2 * GAMMA ** bucket) / (GAMMA + 1);

describe("latency buckets", () => {
  test("are off by at most 5 % over their whole range", () => {
    const most = 0.1 * GAMMA ** (abi.LATENCY_BUCKETS - 2);
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: most, noNaN: true }), (ms) => {
        expect(Math.abs(middle(core.latency_bucket(ms)) - ms) / ms).toBeLessThanOrEqual(ALPHA * (1 + 1e-9));
      }),
      { numRuns: 5_000 },
    );
  });

  test("take what lies beyond both ends, and what is no time at all", () => {
    expect([0, 0.05, 0.1, -1, Number.NaN].map((ms) => core.latency_bucket(ms))).toEqual([0, 0, 0, 0, 0]);
    const last = abi.LATENCY_BUCKETS - 1;
    expect([1e6, 1e300, Number.POSITIVE_INFINITY].map((ms) => core.latency_bucket(ms))).toEqual([last, last, last]);
  });

  test("grow with the latency", () => {
    let before = 0;
    for (let ms = 0.01; ms < 200_000; ms *= 1.01) {
      const bucket = core.latency_bucket(ms);
      expect(bucket - before).toBeGreaterThanOrEqual(0);
      expect(bucket - before).toBeLessThanOrEqual(1);
      before = bucket;
    }
  });
});

describe("counts", () => {
  const at = (operation: number) => new DataView(core.memory.buffer, abi.STATS + operation * abi.STATS_SIZE, abi.STATS_SIZE);
  const count = (operation: number, verdict: number, reason: number) =>
    at(operation).getUint32(abi.STATS_COUNTS + 4 * (verdict * abi.REASON_COUNT + reason), true);
  const dirty = () => [...new Uint32Array(core.memory.buffer, abi.DIRTY, core.dirty_count())];

  test("are exact, listed once an operation, and gone after a clear", () => {
    for (let i = 0; i < 5; i++) core.count_request(3, abi.VERDICT_REFUSE, abi.REASON_RATE_LIMITED);
    core.count_request(abi.MAX_OPERATIONS - 1, abi.VERDICT_SHADOW, abi.REASON_OPERATION_UNKNOWN);
    core.count_request(3, abi.VERDICT_ALLOW, abi.REASON_NONE);
    expect(dirty()).toEqual([3, abi.MAX_OPERATIONS - 1]);
    expect(count(3, abi.VERDICT_REFUSE, abi.REASON_RATE_LIMITED)).toBe(5);
    expect(count(3, abi.VERDICT_ALLOW, abi.REASON_NONE)).toBe(1);
    expect(at(3).getUint32(abi.STATS_REQUESTS, true)).toBe(6);
    expect(count(abi.MAX_OPERATIONS - 1, abi.VERDICT_SHADOW, abi.REASON_OPERATION_UNKNOWN)).toBe(1);
    core.stats_clear();
    expect(dirty()).toEqual([]);
    expect(new Uint8Array(core.memory.buffer, abi.STATS, abi.MAX_OPERATIONS * abi.STATS_SIZE).every((b) => b === 0)).toBe(true);
  });

  test("ignore numbers out of range", () => {
    core.count_request(-1, 0, 0);
    core.count_request(abi.MAX_OPERATIONS, 0, 0);
    core.count_request(0, abi.VERDICT_COUNT, 0);
    core.count_request(0, 0, abi.REASON_COUNT);
    core.settle(-1, abi.MAX_OPERATIONS, 200, 0, 1, 1, 1);
    core.settle(0x7fffffff, -1, 200, 0, 1, 1, 1);
    expect(dirty()).toEqual([]);
  });

  test("keep upstream answers by class apart from upstream failures, with latency and bytes", () => {
    for (const status of [101, 200, 204, 304, 404, 503, 599]) core.settle(-1, 2, status, 0, 10, 100, 1000);
    core.settle(-1, 2, 502, abi.REASON_UPSTREAM_UNREACHABLE, 30_000, 100, 0);
    const statuses = Array.from({ length: 6 }, (_, i) => at(2).getUint32(abi.STATS_STATUSES + 4 * i, true));
    expect(statuses).toEqual([1, 2, 1, 1, 2, 1]);
    expect(at(2).getUint32(abi.STATS_LATENCY + 4 * core.latency_bucket(10), true)).toBe(7);
    expect(at(2).getUint32(abi.STATS_LATENCY + 4 * core.latency_bucket(30_000), true)).toBe(1);
    expect(at(2).getFloat64(abi.STATS_BYTES_IN, true)).toBe(800);
    expect(at(2).getFloat64(abi.STATS_BYTES_OUT, true)).toBe(7000);
    core.stats_clear();
  });
});

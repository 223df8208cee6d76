import fc from "fast-check";
import { describe, expect, it } from "vitest";
import core from "../../wasm/build/core.wasm";
import type { RollupRow } from "../../worker/db/rollups.ts";
import { bootCore, type CoreExports } from "../../worker/engine/core.ts";
import { IsolateMemory } from "../../worker/region/isolate-memory.ts";
import { coarsen, KeyedRows } from "../../worker/region/keyed-rows.ts";
import { Pulse } from "../../worker/region/pulse.ts";
import type { SampledEvent } from "../../worker/region/report.ts";
import { rollupKind } from "../../worker/region/row-kinds.ts";
import { equalShares, SampleUnion } from "../../worker/region/sample-union.ts";
import { NOON_MS, sample } from "./region-fixture.ts";

/** The part of the core that this file holds the region's merge against. */
interface CoreSampler {
  sampler_new(k: number): number;
  sampler_offer(handle: number, stratum: number, priority: number, weight: number, threshold: number): number;
  sampler_take(handle: number): number;
  sampler_list(handle: number): number;
}

describe("samples", () => {
  const K = 5;
  const events = fc
    .uniqueArray(fc.double({ min: 1.001, max: 1e6, noNaN: true }), { maxLength: 60 })
    .map((priorities) => priorities.map((priority, index) => sample({ id: String(index), priority })));

  /** Bottom-k by definition: the k largest priorities, and the largest left out. */
  function take(all: readonly SampledEvent[], k: number): SampledEvent[] {
    const sorted = [...all].sort((a, b) => b.priority - a.priority);
    const threshold = sorted[k]?.priority ?? 0;
    return sorted.slice(0, k).map((event) => ({ ...event, threshold }));
  }

  it("re-take exactly: parts' samples in any order give the sample of the whole", () => {
    fc.assert(
      fc.property(
        events,
        fc.array(fc.nat(3), { minLength: 60, maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        (all, parts, order) => {
          const sampled = [0, 1, 2, 3].flatMap((part) =>
            take(
              all.filter((_, index) => parts[index] === part),
              K,
            ),
          );
          const shuffled = sampled.map((event) => ({ event, at: order.next().value ?? 0 })).sort((a, b) => a.at - b.at);
          const union = new SampleUnion(6, K);
          for (const { event } of shuffled) union.offer(event);
          expect(union.peek()).toEqual(take(all, K));
        },
      ),
    );
  });

  it("are re-taken by the core's own rule, thresholds of earlier samplings included", () => {
    const wasm = bootCore(core, new Uint8Array(32).fill(7), 1024, 8) as CoreExports & CoreSampler;
    const handle = wasm.sampler_new(K);
    const items = fc.array(
      fc.record({
        stratum: fc.nat(5),
        priority: fc.double({ min: 1.001, max: 1e6, noNaN: true }),
        threshold: fc.double({ min: 0, max: 1e6, noNaN: true }),
      }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(items, (all) => {
        const union = new SampleUnion(6, K);
        const slots = new Map<number, number>();
        for (const item of all) {
          union.offer(sample(item));
          const slot = wasm.sampler_offer(handle, item.stratum, item.priority, 1, item.threshold);
          if (slot >= 0) slots.set(slot, item.priority);
        }
        const view = new DataView(wasm.memory.buffer);
        const listed = Array.from({ length: wasm.sampler_take(handle) }, (_, index) => {
          const at = wasm.sampler_list(handle) + index * 24;
          return [view.getUint32(at + 4, true), slots.get(view.getUint32(at, true)), view.getFloat64(at + 8, true)];
        });
        const kept = union.peek().map(({ stratum, priority, threshold }) => [stratum, priority, threshold]);
        const sorted = (rows: (number | undefined)[][]) => rows.map((row) => row.join(" ")).sort();
        expect(sorted(kept)).toEqual(sorted(listed));
      }),
    );
  });

  it("cut to what may be written is the sample that was asked for so few", () => {
    fc.assert(
      fc.property(events, fc.nat(8), (all, limit) => {
        const union = new SampleUnion(6, K);
        for (const event of all) union.offer(event);
        expect(union.take(limit)).toEqual(take(all, Math.min(limit, K)));
        expect(union.size).toBe(0);
      }),
    );
  });

  it("never sum up to more than the limit, and leave none of it unused", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }), fc.nat(200), (wants, total) => {
        const shares = equalShares(wants, total);
        const sum = shares.reduce((a, b) => a + b, 0);
        expect(sum).toBe(
          Math.min(
            total,
            wants.reduce((a, b) => a + b, 0),
          ),
        );
        for (const [index, share] of shares.entries()) expect(share).toBeLessThanOrEqual(wants[index] ?? 0);
      }),
    );
  });
});

const rows = fc.array(
  fc.record({
    minute: fc.integer({ min: 1000, max: 5000 }),
    region: fc.constant("local"),
    service: fc.constantFrom("a", "b", "c"),
    method: fc.constantFrom("GET", "POST"),
    operation: fc.integer({ min: 0, max: 300 }).map((n) => `/${n}`),
    verdict: fc.constantFrom("allow", "refuse"),
    reason: fc.constantFrom("", "rate_limited"),
    requests: fc.integer({ min: 1, max: 1000 }),
  }),
  { maxLength: 400 },
);
const total = (list: readonly RollupRow[]) => list.reduce((sum, row) => sum + row.requests, 0);

describe("sums", () => {
  it("never lose a request, however small the table", () => {
    fc.assert(
      fc.property(rows, (all) => {
        const table = new KeyedRows(rollupKind, 64);
        for (const row of all) table.add(row);
        expect(table.size).toBeLessThanOrEqual(72);
        expect(total(table.rows())).toBe(total(all));
        const allowed = (list: readonly RollupRow[]) => total(list.filter((row) => row.verdict === "allow"));
        expect(allowed(table.rows())).toBe(allowed(all));
      }),
    );
  });

  it("do not depend on the order of the reports while they fit", () => {
    fc.assert(
      fc.property(rows, (all) => {
        const forward = new KeyedRows(rollupKind, 1000);
        const backward = new KeyedRows(rollupKind, 1000);
        for (const row of all) forward.add(row);
        for (const row of [...all].reverse()) backward.add(row);
        const sorted = (table: KeyedRows<RollupRow>) =>
          table.rows().sort((a, b) => rollupKind.key(a).localeCompare(rollupKind.key(b)));
        expect(sorted(forward)).toEqual(sorted(backward));
      }),
    );
  });

  it("fit into what they are given, or say that they cannot", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 40 }), (all, most) => {
        const table = new KeyedRows(rollupKind, 1000);
        const fitted = table.fit(all, most);
        if (fitted === null) return;
        expect(fitted.length).toBeLessThanOrEqual(most);
        expect(total(fitted)).toBe(total(all));
      }),
    );
  });

  it("get coarser in time and name, never finer", () => {
    const row = { minute: 1_000_007, region: "r", service: "s", method: "GET", operation: "/a" };
    expect([0, 1, 2, 3, 4].map((level) => coarsen(row, level))).toEqual([
      row,
      { ...row, minute: 1_000_005 },
      { ...row, minute: 999_960 },
      { ...row, minute: 999_960, method: "*", operation: "(other)" },
      { ...row, minute: 999_360, service: "(other)", method: "*", operation: "(other)" },
    ]);
  });
});

describe("the pulse", () => {
  it("spreads each report over its time and keeps the sum", () => {
    const reports = fc.array(fc.record({ at: fc.nat(60_000), length: fc.nat(20_000), requests: fc.nat(500) }), { maxLength: 30 });
    fc.assert(
      fc.property(reports, (all) => {
        const pulse = new Pulse();
        for (const { at, length, requests } of all) {
          pulse.add(NOON_MS + at - length, NOON_MS + at, { requests, refused: Math.floor(requests / 2), shadow: 0 });
        }
        const steps = pulse.read(NOON_MS - 30_000, NOON_MS + 70_000);
        expect(steps.reduce((sum, step) => sum + (step?.requests ?? 0), 0)).toBe(
          all.reduce((sum, { requests }) => sum + requests, 0),
        );
      }),
    );
  });

  it("says null where nothing was reported, forgets after 16 minutes, and survives being saved", () => {
    const pulse = new Pulse();
    const counts = { requests: 4, refused: 1, shadow: 0 };
    pulse.add(NOON_MS, NOON_MS + 1, counts);
    pulse.add(NOON_MS + 6000, NOON_MS + 6001, counts);
    expect(pulse.read(NOON_MS, NOON_MS + 6000)).toEqual([counts, null, null, counts]);
    expect(pulse.takeChanged().map((step) => step.t)).toEqual([NOON_MS, NOON_MS + 6000]);
    expect(pulse.takeChanged()).toEqual([]);
    const saved = new Pulse();
    saved.restore(JSON.parse(JSON.stringify(pulse.save())));
    expect(saved.read(NOON_MS, NOON_MS + 6000)).toEqual([counts, null, null, counts]);
    pulse.add(NOON_MS + 16 * 60_000, NOON_MS + 16 * 60_000, counts);
    expect(pulse.read(NOON_MS, NOON_MS)).toEqual([null]);
  });
});

describe("what is remembered of isolates", () => {
  it("is each number of the last 32, whatever their order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 200 }), (numbers) => {
        const memory = new IsolateMemory(10);
        const taken = new Set<number>();
        for (const seq of numbers) {
          const highest = Math.max(0, ...taken);
          const isKnown = taken.has(seq) || seq <= highest - 32;
          expect(memory.isRepeat("a", seq)).toBe(isKnown);
          if (isKnown) continue;
          memory.remember("a", seq, 0);
          taken.add(seq);
        }
      }),
    );
  });

  it("is bounded: the one unheard of longest goes first", () => {
    const memory = new IsolateMemory(3);
    for (const [isolate, nowMs] of [
      ["a", 1],
      ["b", 2],
      ["c", 3],
      ["a", 4],
      ["d", 5],
    ] as const)
      memory.remember(isolate, nowMs, nowMs);
    expect(memory.size).toBe(3);
    expect(memory.isRepeat("b", 2)).toBe(false);
    expect(memory.isRepeat("a", 4) && memory.isRepeat("c", 3) && memory.isRepeat("d", 5)).toBe(true);
    expect(memory.takeChanges()).toMatchObject({ forgotten: ["b"] });
  });
});

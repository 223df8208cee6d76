import fc from "fast-check";
import { expect, it } from "vitest";
import { RowBudget } from "../../worker/region/row-budget.ts";
import { countOf, env, NOON_MS, report, sample, TestRegion } from "./region-fixture.ts";

const DAY_MS = 86_400_000;

it("never gives out more than its share of a day, whatever is asked and when", () => {
  const asks = fc.array(
    fc.record({
      waitMs: fc.nat(DAY_MS / 3),
      lane: fc.constantFrom("counts", "latency", "principals", "events"),
      rows: fc.nat(5000),
    }),
    {
      maxLength: 200,
    },
  );
  fc.assert(
    fc.property(asks, fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 1, max: 5 }), (all, rowsPerDay, regions) => {
      let nowMs = NOON_MS;
      const budget = new RowBudget(rowsPerDay, regions, nowMs);
      const written = new Map<number, number>();
      for (const { waitMs, lane, rows } of all) {
        nowMs += waitMs;
        const granted = Math.min(rows, budget.available(lane as "counts", nowMs));
        budget.reserve(lane as "counts", granted);
        budget.settle(granted, nowMs);
        const day = Math.floor(nowMs / DAY_MS);
        written.set(day, (written.get(day) ?? 0) + granted);
      }
      // Half of the promise is kept for deleting each row once.
      for (const rows of written.values()) expect(rows).toBeLessThanOrEqual(rowsPerDay / 2 / regions);
    }),
  );
});

it("does not give out again what is on its way", () => {
  const budget = new RowBudget(1_000_000, 1, NOON_MS);
  const rows = budget.available("counts", NOON_MS);
  budget.reserve("counts", rows);
  expect(budget.available("counts", NOON_MS)).toBe(0);
  const copy = new RowBudget(1, 1, NOON_MS);
  copy.restore(JSON.parse(JSON.stringify(budget.save())));
  copy.settle(null, NOON_MS);
  expect(copy.spentToday).toBe(rows);
  expect(copy.perDay).toBe(500_000);
});

it("writes within its budget through a flood of an hour, by D1's own count, and stores every request", async () => {
  const region = new TestRegion("flood");
  const perDay = await region.inside((object) => object.ledger.budget.perDay);
  let billed = 0;
  await region.inside((object) => {
    object.db = counting(env.DB, (rows) => {
      billed += rows;
    });
  });
  const operations = Array.from({ length: 40 }, (_, index) => ({
    service: "fleet",
    method: "GET",
    operation: `/fleet/${index}`,
  }));
  const rollups = operations.map((_, operation) => ({ operation, verdict: "allow" as const, reason: "", requests: 25 }));
  const minutes = 60;
  for (let step = 1; step <= minutes * 12; step++) {
    const samples = Array.from({ length: 20 }, (_, index) =>
      sample({
        region: "flood",
        id: (step * 100 + index).toString(16).padStart(16, "0"),
        timeMs: region.nowMs,
        stratum: index % 6,
        priority: 1 + ((step * 37 + index * 11) % 97),
      }),
    );
    await region.report(
      report({
        region: "flood",
        seq: step,
        operations,
        rollups,
        requests: 1000,
        fromMs: region.nowMs - 5000,
        toMs: region.nowMs,
        samples,
      }),
    );
    await region.pass(5000);
  }
  const spent = await region.inside((object) => object.ledger.budget.spentToday);
  expect(billed).toBe(spent);
  // An hour's accrual, and what a lane may have saved or been given at the start.
  expect(billed).toBeLessThanOrEqual(perDay / 24 + (perDay * 300) / 86_400);
  expect(billed).toBeGreaterThan(perDay / 48);
  const { reported, stored, dropped, pending } = await region.accounts();
  expect(reported).toBe(minutes * 12_000);
  expect(stored + pending).toBe(reported);
  expect(dropped).toBe(0);
  expect(await countOf("SELECT SUM(requests) AS n FROM rollups WHERE region = 'flood'")).toBe(stored);
  expect(stored).toBeGreaterThan(reported * 0.8);
});

/** D1, its bill told. */
function counting(db: D1Database, bill: (rows: number) => void): D1Database {
  const batch = async <T>(statements: D1PreparedStatement[]) => {
    const results = await db.batch<T>(statements);
    bill(results.reduce((sum, result) => sum + result.meta.rows_written, 0));
    return results;
  };
  return { batch, prepare: (sql: string) => db.prepare(sql) } as unknown as D1Database;
}

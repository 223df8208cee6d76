import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { newCore } from "./core-fixture.ts";

const core = newCore({ cells: 16 });

/** The cells of a fresh table; tables live in an arena that is never returned, so each core gives a few. */
function table(cells: number): { take(key: number, limit: Limit, nowUs: number): number; evictions(): number } {
  const own = newCore({ cells: 16 });
  const handle = own.gcra_new(cells);
  expect(handle).not.toBe(0);
  return {
    take: (key, { interval, burst, strict = false }, nowUs) => {
      const mixed = Math.imul(key + 1, 0x9e3779b1);
      const high = Math.imul(key ^ 0x5bd1e995, 0x85ebca6b);
      return own.gcra_take(handle, mixed, high, interval, (burst - 1) * interval, strict ? abi.LIMIT_STRICT : 0, nowUs);
    },
    evictions: () => own.gcra_evictions(handle),
  };
}

interface Limit {
  /** T in µs. */
  interval: number;
  burst: number;
  strict?: boolean;
}

/** A bucket of `burst` requests that drains one in `interval`: the same limit by exact arithmetic, one number a key. */
class Reference {
  readonly #arrivals = new Map<number, bigint>();
  take(key: number, { interval, burst }: Limit, nowUs: number): boolean {
    const now = BigInt(nowUs);
    const known = this.#arrivals.get(key) ?? 0n;
    const arrival = known > now ? known : now;
    if (arrival - now > BigInt(burst - 1) * BigInt(interval)) return false;
    this.#arrivals.set(key, arrival + BigInt(interval));
    return true;
  }
}

const limits = fc.record({ interval: fc.integer({ min: 1, max: 10_000_000 }), burst: fc.integer({ min: 1, max: 50 }) });
const steps = fc.array(fc.record({ key: fc.nat(5), waitUs: fc.nat(20_000_000) }), { maxLength: 200 });

describe("GCRA", () => {
  it("equals exact arithmetic on any schedule while the table has room", () => {
    fc.assert(
      fc.property(limits, steps, (limit, schedule) => {
        const cells = table(64);
        const reference = new Reference();
        let nowUs = 1_000_000;
        return schedule.every(({ key, waitUs }) => {
          nowUs += waitUs;
          return (cells.take(key, limit, nowUs) === 0) === reference.take(key, limit, nowUs);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("admits whoever waits as long as it was told, and not a microsecond earlier", () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const cells = table(16);
        let nowUs = 5_000_000;
        for (let i = 0; i < limit.burst; i++) if (cells.take(1, limit, nowUs) !== 0) return false;
        const waitUs = cells.take(1, limit, nowUs);
        nowUs += waitUs;
        return waitUs > 0 && cells.take(1, limit, nowUs - 1) === 1 && cells.take(1, limit, nowUs) === 0;
      }),
      { numRuns: 200 },
    );
  });

  it("charges nothing for a refusal", () => {
    const cells = table(16);
    const limit = { interval: 1_000_000, burst: 2 };
    cells.take(1, limit, 1_000_000);
    cells.take(1, limit, 1_000_000);
    const first = cells.take(1, limit, 1_000_000);
    for (let i = 0; i < 1000; i++) expect(cells.take(1, limit, 1_000_000)).toBe(first);
  });

  it("is not opened by a clock that goes back", () => {
    const cells = table(16);
    const limit = { interval: 1_000_000, burst: 1 };
    expect(cells.take(1, limit, 10_000_000)).toBe(0);
    expect(cells.take(1, limit, 1_000_000)).toBeGreaterThan(0);
    expect(cells.take(1, limit, 10_000_001)).toBeGreaterThan(0);
  });

  it("never admits more than exact arithmetic for a strict rule, however many spoofed keys fill the table", () => {
    const cells = table(64);
    const reference = new Reference();
    const limit = { interval: 50_000_000, burst: 3, strict: true };
    let nowUs = 1_000_000;
    for (let i = 0; i < 20_000; i++) {
      nowUs += 1000;
      const key = i % 10 === 0 ? i % 7 : 1000 + i;
      if (cells.take(key, limit, nowUs) === 0) expect(reference.take(key, limit, nowUs)).toBe(true);
    }
    expect(cells.evictions()).toBeGreaterThan(0);
  });

  it("evicts the least debt first, so that keys deep in debt survive a flood of one-request keys", () => {
    const cells = table(1024);
    const limit = { interval: 1_000_000, burst: 100 };
    const nowUs = 1_000_000;
    const heavy = [...Array(50).keys()];
    for (const key of heavy) for (let i = 0; i < 100; i++) cells.take(key, limit, nowUs);
    for (let key = 1000; key < 101_000; key++) cells.take(key, limit, nowUs);
    for (const key of heavy) expect(cells.take(key, limit, nowUs)).toBeGreaterThan(0);
  });

  it("refuses tables that are no power of two or do not fit", () => {
    expect([core.gcra_new(0), core.gcra_new(24), core.gcra_new(1 << 24), core.gcra_new(-16)]).toEqual([0, 0, 0, 0]);
  });
});

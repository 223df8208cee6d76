import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admitsSurely, burstNeeded, defaults, type Peers, roundedUp, suggestLimit } from "../../worker/soc/limit-suggestion.ts";

const SMEAR_MS = 5_000;

/** What came of one caller: moments, how many, and how much later the report's last request was. */
const arrivals = fc.array(
  fc.record({
    waitMs: fc.oneof(fc.constantFrom(0, 1, 9_999, 10_000, 60_000), fc.nat(90_000)),
    // Multiples of four, so that a quarter more is a whole number.
    requests: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 200 })).map((n) => 4 * n),
    smearMs: fc.nat(SMEAR_MS),
  }),
  { minLength: 1, maxLength: 25 },
);

interface Arrival {
  atMs: number;
  requests: number;
  reportedMs: number;
}

function timed(all: readonly { waitMs: number; requests: number; smearMs: number }[]): Arrival[] {
  let atMs = 0;
  return all.map(({ waitMs, requests, smearMs }) => {
    atMs += waitMs;
    return { atMs, requests, reportedMs: atMs + smearMs };
  });
}

function peaksOf(all: readonly Arrival[]): Peers {
  const most = (ms: number) => {
    const bins = new Map<number, number>();
    for (const { reportedMs, requests } of all) {
      const bin = Math.floor(reportedMs / ms);
      bins.set(bin, (bins.get(bin) ?? 0) + requests);
    }
    return Math.max(...bins.values());
  };
  return { minute: most(60_000), burst: most(10_000), callers: 1 };
}

/** A bucket that drains `count` a minute, in units of 1 / 60,000 request: exact. */
function refusals(all: readonly Arrival[], { count, burst }: { count: number; burst: number }, more: number): number {
  let level = 0;
  let beforeMs = 0;
  let refused = 0;
  for (const { atMs, requests } of all) {
    level = Math.max(0, level - (atMs - beforeMs) * count);
    beforeMs = atMs;
    for (let i = 0; i < requests * more; i++) {
      if (level + 60_000 <= burst * 60_000) level += 60_000;
      else refused++;
    }
  }
  return refused;
}

test("all that was seen passes, and a quarter more, at whatever moments it came", () => {
  fc.assert(
    fc.property(fc.array(arrivals, { minLength: 5, maxLength: 7 }), (callers) => {
      const all = callers.map(timed);
      const { limit } = suggestLimit(all.map(peaksOf), 40, "max");
      expect(limit).not.toBeNull();
      if (limit === null) return;
      expect(all.map((one) => refusals(one, limit, 1.25))).toEqual(all.map(() => 0));
    }),
    { numRuns: 300 },
  );
});

test("whom the 99th percentile's limit surely admits is never refused by it; the others are listed, and no more", () => {
  fc.assert(
    fc.property(fc.array(arrivals, { minLength: 5, maxLength: 9 }), fc.integer({ min: 100, max: 1000 }), (callers, times) => {
      const all = callers.map(timed);
      const peers = all.map((one, index) => ({ ...peaksOf(one), callers: index === 0 ? times : 1 }));
      const { limit, above, callersAbove } = suggestLimit(peers, 40, "p99");
      if (limit === null) throw new Error("not ready");
      for (const [index, one] of all.entries()) {
        const isAbove = above.includes(peers[index] as Peers);
        expect(isAbove).toBe(!admitsSurely(limit, peers[index] as Peers));
        if (!isAbove) expect(refusals(one, limit, 1)).toBe(0);
      }
      expect(callersAbove).toBe(above.reduce((sum, peer) => sum + peer.callers, 0));
    }),
    { numRuns: 300 },
  );
});

test("the burst is no larger than two minutes and a little, and for steady callers far smaller", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }), (a, b) => {
      const [burst, minute] = [Math.min(a, b), Math.max(a, b)];
      const need = burstNeeded(minute, burst, minute);
      expect(need).toBeGreaterThanOrEqual(2 * burst > minute ? minute : burst);
      expect(need).toBeLessThanOrEqual(2.0834 * minute);
    }),
  );
  expect(burstNeeded(60, 10, 60)).toBe(25);
  expect(suggestLimit([{ minute: 60, burst: 10, callers: 9 }], 40, "max").limit).toEqual({ count: 75, burst: 32 });
});

test("numbers are rounded up to two digits", () => {
  expect([0.2, 7, 7.1, 99, 100, 101, 999.5, 1000, 1001, 12_345].map(roundedUp)).toEqual([
    ...[1, 7, 8, 99, 100, 110, 1000, 1000, 1100, 13_000],
  ]);
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e7, noNaN: true }), (value) => {
      const up = roundedUp(value);
      expect(up).toBeGreaterThanOrEqual(value);
      expect(up).toBeLessThan(value * 1.1 + 1);
      expect(String(up)).toMatch(/^[1-9]\d?0*$/);
    }),
  );
});

describe("nothing is suggested", () => {
  const peers: Peers[] = [{ minute: 10, burst: 5, callers: 5 }];
  const stateAt = (days: number, callers: number, minute = 10) => {
    const { state, limit } = suggestLimit([{ minute, burst: 5, callers }], days, "max");
    return [state, limit !== null];
  };

  test("before a week is seen, of five callers", () => {
    expect(stateAt(6, 5)).toEqual(["too_few_days", false]);
    expect(stateAt(7, 4)).toEqual(["too_few_callers", false]);
    expect(stateAt(7, 5)).toEqual(["ready", true]);
    expect(suggestLimit(peers, 3, "max", { ...defaults, minDays: 3 }).state).toBe("ready");
  });

  test("that a policy cannot say", () => {
    expect(stateAt(7, 5, 8_000_000)).toEqual(["out_of_range", false]);
  });

  test("with more confidence than it has", () => {
    expect(suggestLimit(peers, 30, "max")).toMatchObject({ coversMonth: false, exceedance: 1 / 6 });
    expect(suggestLimit(peers, 31, "max").coversMonth).toBe(true);
    expect(suggestLimit(peers, 31, "max").minute.p99).toEqual({ value: 10, low: 10, high: null });
  });
});

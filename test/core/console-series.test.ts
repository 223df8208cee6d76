import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Step } from "../../dashboard/src/api-types.ts";
import { PulseRing } from "../../dashboard/src/live/pulse-ring.ts";
import { stakeOf } from "../../dashboard/src/overview/picket-canvas.ts";
import { PicketMotion } from "../../dashboard/src/overview/picket-motion.ts";
import { coveredMs, drawnWindow, joinSteps, mergeSeries, sumBars } from "../../dashboard/src/overview/series.ts";
import { curveOf, roundTop } from "../../dashboard/src/overview/time-chart.ts";

const step = (requests: number, refused = 0): Step => ({ requests, refused, shadow: 0 });
const range = { name: "5m" as const, fromMs: 60_000, toMs: 361_500, stepMs: 2000 };

describe("the window that is drawn", () => {
  it("has the range's own length and ends with the series, or with the live pulse where that is ahead", () => {
    // 151 steps from 60 000: the last holds 361 500 and ends at 362 000.
    expect(drawnWindow(range, 151, 300_000, 0)).toEqual({ fromMs: 62_000, stepMs: 2000, count: 150 });
    expect(drawnWindow(range, 151, 300_000, 366_000)).toEqual({ fromMs: 66_000, stepMs: 2000, count: 150 });
    expect(drawnWindow(range, 151, 300_000, 9e9).fromMs).toBe(362_000);
  });
});

describe("stored and live as one", () => {
  it("takes the larger of two counts of one step, and either where the other is missing", () => {
    const ring = new PulseRing();
    ring.update([
      { t: 2000, ...step(9) },
      { t: 4000, ...step(4) },
      { t: 6000, ...step(6) },
    ]);
    const stored = { fromMs: 0, series: [step(1), step(5), step(5), null, null] };
    const { steps } = mergeSeries({ fromMs: 0, stepMs: 2000, count: 5 }, stored, ring);
    expect(steps).toEqual([step(1), step(9), step(5), step(6), null]);
  });

  it("sums the pulse over steps of minutes", () => {
    const ring = new PulseRing();
    ring.update([
      { t: 60_000, ...step(3) },
      { t: 118_000, ...step(4, 1) },
    ]);
    const { steps } = mergeSeries({ fromMs: 60_000, stepMs: 60_000, count: 1 }, { fromMs: 60_000, series: [step(5)] }, ring);
    expect(steps).toEqual([step(7, 1)]);
  });

  it("finds stored steps by time after the window has moved on", () => {
    const stored = { fromMs: 0, series: [step(1), step(2), step(3)] };
    expect(mergeSeries({ fromMs: 4000, stepMs: 2000, count: 2 }, stored, undefined).steps).toEqual([step(3), null]);
  });
});

describe("joined steps", () => {
  it("lose no request but those of a first bar of which only a part is in the window", () => {
    const steps = fc.array(fc.option(fc.nat(1000).map((requests) => step(requests))), { minLength: 1, maxLength: 460 });
    fc.assert(
      fc.property(steps, fc.nat(50), fc.integer({ min: 20, max: 200 }), (all, offset, most) => {
        const joined = joinSteps({ fromMs: offset * 2000, stepMs: 2000, steps: all }, most);
        expect(joined.steps.length).toBeLessThanOrEqual(most + 1);
        expect(joined.fromMs % joined.stepMs === 0 || joined.stepMs === 2000).toBe(true);
        const inside = all.filter((_, index) => (offset + index) * 2000 >= joined.fromMs);
        const sum = (list: readonly (Step | null)[]) => list.reduce((total, item) => total + (item?.requests ?? 0), 0);
        expect(sum(joined.steps)).toBe(sum(inside));
      }),
    );
  });

  it("does not change a bar while the window moves", () => {
    const at = (fromMs: number) =>
      joinSteps({ fromMs, stepMs: 2000, steps: Array.from({ length: 100 }, (_, index) => step(fromMs / 2000 + index)) }, 50);
    const [before, after] = [at(0), at(6000)];
    expect(after.steps[0]).toEqual(before.steps[(after.fromMs - before.fromMs) / before.stepMs]);
  });

  it("keeps a gap a gap", () => {
    expect(joinSteps({ fromMs: 0, stepMs: 2000, steps: [null, null, step(1), null] }, 2).steps).toEqual([null, step(1)]);
    expect(
      sumBars([
        { fromMs: 0, stepMs: 1, steps: [null, step(1)] },
        { fromMs: 0, stepMs: 1, steps: [null, step(2, 1)] },
      ]).steps,
    ).toEqual([null, step(3, 1)]);
  });
});

describe("the time that totals speak of", () => {
  const hour = { name: "1h" as const, fromMs: 0, toMs: 3_630_000, stepMs: 60_000 };

  it("is the range, or begins with the first report", () => {
    expect(coveredMs(hour, [[step(1), step(1)]], 0)).toBe(3_630_000);
    expect(
      coveredMs(
        hour,
        [
          [null, null, step(1)],
          [null, step(1)],
        ],
        Number.POSITIVE_INFINITY,
      ),
    ).toBe(3_570_000);
    expect(coveredMs(hour, [[null]], Number.POSITIVE_INFINITY)).toBe(0);
  });

  it("begins with the live pulse where that starts inside the first step", () => {
    expect(coveredMs(hour, [[null, step(1)]], 80_000)).toBe(3_550_000);
    expect(coveredMs(hour, [[null, step(1)]], 600_000)).toBe(3_570_000);
  });
});

describe("a stake", () => {
  it("has its parts in true proportion", () => {
    expect(stakeOf({ requests: 100, refused: 25, shadow: 25 }, 200, 40)).toEqual({ allowPx: 10, shadowPx: 5, refusePx: 5 });
    expect(stakeOf(step(0), 200, 40)).toEqual({ allowPx: 1, shadowPx: 0, refusePx: 0 });
    expect(stakeOf(step(10, 10), 10, 40)).toEqual({ allowPx: 0, shadowPx: 0, refusePx: 40 });
  });

  it("moves to its place and stays there; at once where motion is not wanted", () => {
    const motion = new PicketMotion();
    const goal = [stakeOf(step(5), 10, 40), null, stakeOf(step(10, 5), 10, 40)];
    const bars = (fromMs: number) => ({ fromMs, stepMs: 2000, steps: [] });
    motion.aim(bars(0), goal);
    expect(motion.advance(Number.POSITIVE_INFINITY)).toBe(false);
    expect(motion.stakes).toEqual(goal);
    motion.aim(bars(2000), [...goal.slice(1), stakeOf(step(1), 10, 40)]);
    expect(motion.slide).toBe(1);
    let frames = 0;
    while (motion.advance(16) && frames < 500) frames++;
    expect(frames).toBeLessThan(100);
    expect([motion.slide, motion.stakes[1]]).toEqual([0, goal[2]]);
  });
});

describe("a curve", () => {
  it("leaves a gap open and the newest, unfinished bar out", () => {
    const { line, last, top } = curveOf(
      { fromMs: 0, stepMs: 2000, steps: [step(2), step(4), null, step(6), step(1)] },
      71,
      ({ requests }) => requests,
    );
    expect(line.match(/M/g)).toHaveLength(2);
    expect([last, top]).toEqual([3, 3]);
  });

  it("scales to a round number that is no less than the most", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e9, noNaN: true }), (most) => {
        expect(roundTop(most)).toBeGreaterThanOrEqual(most);
        expect(roundTop(most)).toBeLessThanOrEqual(most * 1.7);
      }),
    );
    expect(roundTop(0)).toBe(1);
  });
});

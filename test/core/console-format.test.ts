import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatAge,
  formatBytes,
  formatCompact,
  formatCount,
  formatDateTime,
  formatLatency,
  formatPercent,
  formatScale,
  formatShare,
  formatTimeExact,
  halfWidth,
} from "../../dashboard/src/format.ts";

const plain = (text: string) => text.replaceAll("\u202f", " ");

describe("the console's figures", () => {
  it.each([
    [0, "0"],
    [0.46, "0.5"],
    [7, "7"],
    [942, "942"],
    [999.6, "1.00k"],
    [9_996, "10.0k"],
    [62_412, "62.4k"],
    [999_499, "999k"],
    [999_600, "1.00M"],
    [1_250_000, "1.25M"],
    [4e9, "4.00G"],
  ])("compact %d is %s", (count, text) => expect(formatCompact(count)).toBe(text));

  it.each([
    [1500, "1.5k"],
    [100, "100"],
    [20_000, "20k"],
    [1, "1"],
    [0.5, "0.5"],
    [1_000_000, "1M"],
  ])("a scale's end %d is %s", (count, text) => expect(formatScale(count)).toBe(text));

  it.each([
    [0, 1000, "0 %"],
    [1, 100_000, "< 0.1 %"],
    [68, 1000, "6.8 %"],
    [420, 1000, "42 %"],
    [99_999, 100_000, "> 99.9 %"],
    [5, 5, "100 %"],
    [0, 0, "–"],
  ])("%d of %d is %s", (part, whole, text) => expect(plain(formatPercent(part, whole))).toBe(text));

  it("never rounds a share to none or to all", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 1e9 }), (some, others) => {
        expect(["0", "0.0", "100", "100.0"]).not.toContain(formatShare(some, some + others));
      }),
    );
  });

  it.each([
    [-50, "0.0 s"],
    [900, "0.9 s"],
    [12_400, "12 s"],
    [180_000, "3 min"],
    [7_200_000, "2 h"],
    [432_000_000, "5 d"],
  ])("%d ms ago is %s", (ms, text) => expect(plain(formatAge(ms))).toBe(text));

  it.each([
    [0.42, "0.42"],
    [4.24, "4.2"],
    [24.4, "24"],
    [1240.3, "1,240"],
  ])("a latency of %d ms is %s", (ms, text) => expect(formatLatency(ms)).toBe(text));

  it("groups exact counts and names binary sizes", () => {
    expect(formatCount(1_204_000)).toBe("1,204,000");
    expect([812, 1536, 90_000, 5e9].map((bytes) => plain(formatBytes(bytes)))).toEqual(["812 B", "1.5 KiB", "88 KiB", "4.7 GiB"]);
  });

  it("rounds an interval's half up", () => {
    expect(halfWidth({ low: 205, high: 222.2 })).toBe(9);
    expect(halfWidth({ low: 5, high: 5 })).toBe(0);
  });

  it("writes UTC times to the millisecond", () => {
    const timeMs = Date.UTC(2026, 10, 23, 4, 6, 41, 8);
    expect(formatTimeExact(timeMs, "utc")).toBe("04:06:41.008");
    expect(formatDateTime(timeMs, "utc")).toBe("23 Nov 2026 04:06:41.008 UTC");
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { readDurationMs, readRate } from "../../worker/policy/quantity.ts";

const seconds = { s: 1, m: 60, h: 3600, d: 86_400 };
const unit = fc.constantFrom("s", "m", "h", "d");

test("a rate within bounds is read as it is written", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 31 }), unit, (count, amount, name) => {
      const windowSeconds = amount * seconds[name as "s"];
      expect(readRate(`${count}/${amount}${name}`)).toEqual({ ok: true, value: { count, windowSeconds } });
    }),
  );
});

test("whatever is accepted is a whole rate: at least one request, at most a million a second, at most 31 days", () => {
  const text = fc.oneof(fc.stringMatching(/^[0-9.,+ -]{0,8}\/[0-9.]{0,7}[smhdw]?$/), fc.string());
  fc.assert(
    fc.property(text, (input) => {
      const rate = readRate(input);
      if (!rate.ok) return;
      const { count, windowSeconds } = rate.value;
      expect(Number.isInteger(count) && Number.isInteger(windowSeconds)).toBe(true);
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count / windowSeconds).toBeLessThanOrEqual(1_000_000);
      expect(windowSeconds).toBeLessThanOrEqual(31 * 86_400);
      expect(input).toMatch(/^[1-9]\d*\/[1-9]\d*[smhd]$/);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  "",
  "2.5",
  "2.5/1s",
  "600",
  "600/m",
  "600 / 1m",
  "/1m",
  "0/1m",
  "1/0m",
  "01/1m",
  "1e3/1m",
  "-1/1m",
  "1/1w",
  "1/1M",
  "1/1m ",
  "٣/1m",
])("%j is no rate", (text) => {
  expect(readRate(text)).toMatchObject({ ok: false, code: "rate_malformed" });
});

test("a duration is its number of ms, within its bounds", () => {
  const sizes = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  fc.assert(
    fc.property(
      fc.nat(9_999_999),
      fc.constantFrom("ms", "s", "m", "h"),
      fc.nat(1000),
      fc.nat(10_000_000),
      (n, name, min, max) => {
        const ms = n * sizes[name as "s"];
        const read = readDurationMs(`${n}${name}`, min, max);
        if (ms >= min && ms <= max) expect(read).toEqual({ ok: true, value: ms });
        else expect(read).toMatchObject({ ok: false, code: "duration_out_of_range" });
      },
    ),
  );
});

test.each(["", "30", "s", "1.5s", "-1s", "1 s", "1d", "00s", "1S"])("%j is no duration", (text) => {
  expect(readDurationMs(text, 0, 1e9)).toMatchObject({ ok: false, code: "duration_malformed" });
});

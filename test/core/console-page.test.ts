import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Client, readProblem } from "../../dashboard/src/client.ts";
import { filterKeys, formatUrlState, parseSignInToken, parseUrlState, ranges } from "../../dashboard/src/view/url-state.ts";

describe("the address", () => {
  it("keeps any view", () => {
    const filters = fc.record(Object.fromEntries(filterKeys.map((key) => [key, fc.string({ minLength: 1, maxLength: 300 })])), {
      requiredKeys: [],
    });
    fc.assert(
      fc.property(fc.constantFrom(...ranges.map(({ name }) => name)), filters, (range, chosen) => {
        expect(parseUrlState(formatUrlState({ range, filters: chosen }))).toEqual({ range, filters: chosen });
      }),
    );
  });

  it("falls back where it is unknown, empty or too long", () => {
    expect(parseUrlState("?range=9y&region=&colour=red")).toEqual({ range: "5m", filters: {} });
    expect(parseUrlState(`?principal=${"x".repeat(301)}`).filters).toEqual({});
  });

  it("gives up a sign-in token from the fragment only", () => {
    expect(parseSignInToken("#sign-in=abc-_1")).toBe("abc-_1");
    expect([parseSignInToken(""), parseSignInToken("#sign-in="), parseSignInToken("#other=1")]).toEqual([null, null, null]);
  });
});

describe("the client", () => {
  const answering = (answer: () => Response | Promise<Response>) => new Client(async () => answer());
  const overview = {
    range: { name: "5m", fromMs: 0, toMs: 1, stepMs: 2000 },
    totals: {},
    policy: {},
    telemetry: {},
    regions: [],
    operations: [],
    reasons: [],
    principals: [],
  };

  it("tells a problem by the server's title and code", async () => {
    const client = answering(() =>
      Response.json({ title: "The database did not answer", code: "storage_unavailable" }, { status: 503 }),
    );
    expect(await client.overview("5m")).toEqual({
      ok: false,
      failure: { status: 503, title: "The database did not answer", code: "storage_unavailable" },
    });
  });

  it("tells an error that is not problem+json by its status, and bounds what it repeats", async () => {
    expect(await answering(() => new Response("<html>", { status: 502 })).session()).toEqual({
      ok: false,
      failure: { status: 502, title: "The server answered 502", code: "http_502" },
    });
    expect(readProblem(500, { title: "x".repeat(5000), code: 7 })).toEqual({
      status: 500,
      title: "x".repeat(200),
      code: "http_500",
    });
  });

  it("tells no network from no answer in time", async () => {
    const code = async (cause: unknown) => {
      const result = await answering(() => Promise.reject(cause)).session();
      return result.ok ? "" : result.failure.code;
    };
    expect(await code(new TypeError("fetch failed"))).toBe("network");
    expect(await code(new DOMException("", "TimeoutError"))).toBe("timeout");
  });

  it("refuses an answer whose shape the page could not show", async () => {
    expect((await answering(() => Response.json(overview)).overview("5m")).ok).toBe(true);
    for (const change of [{ regions: null }, { range: { stepMs: 0 } }, { totals: 3 }]) {
      const result = await answering(() => Response.json({ ...overview, ...change })).overview("5m");
      expect(!result.ok && result.failure.code).toBe("answer_malformed");
    }
  });
});

describe("the colours", () => {
  const css = readFileSync(new URL("../../dashboard/src/styles/tokens.css", import.meta.url), "utf8");
  const tokens = new Map(
    [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name = "", light = "", dark = ""]) => [
      name,
      { light, dark },
    ]),
  );
  const grounds = ["ground", "panel", "raised"];

  /** WCAG 2.2, relative luminance and contrast ratio. */
  function contrast(one: string, other: string): number {
    const luminance = (hex: string) => {
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
        const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
        return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }

  function lowest(name: string, theme: "light" | "dark", on: readonly string[]): number {
    const of = (token: string) => tokens.get(token)?.[theme] ?? "#000000";
    return Math.min(...on.map((ground) => contrast(of(name), of(ground))));
  }

  it.each(["light", "dark"] as const)("hold 4.5:1 as text on every ground (%s)", (theme) => {
    for (const name of ["ink-1", "ink-2", "ink-3", "refuse", "shadow", "warn", "good", "focus"]) {
      expect.soft(lowest(name, theme, grounds), name).toBeGreaterThanOrEqual(4.5);
    }
  });

  it.each(["light", "dark"] as const)("hold 3:1 as stakes and bars on a panel (%s)", (theme) => {
    for (const name of ["allow", "refuse", "shadow"]) expect.soft(lowest(name, theme, ["panel"]), name).toBeGreaterThanOrEqual(3);
  });
});

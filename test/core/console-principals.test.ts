import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Client, readCaller } from "../../dashboard/src/client.ts";
import {
  type CallerList,
  callerQuery,
  callerSorts,
  formatCallerList,
  isFiltered,
  parseCallerList,
} from "../../dashboard/src/principals/caller-list.ts";
import { findingLabel, findingLabels, marksOf, watchWords } from "../../dashboard/src/principals/findings.ts";
import { listCommandOf, moved } from "../../dashboard/src/principals/list-keys.ts";
import { revokeCommand } from "../../dashboard/src/principals/revoke-command.ts";
import { callerHref, callersHref, isViewLink, parseRoute } from "../../dashboard/src/view/route.ts";
import { findingCodes } from "../../worker/soc/privilege-findings.ts";

const text = fc.string({ unit: "grapheme", maxLength: 255 }).filter((one) => one.length <= 255 && one.isWellFormed());
const origin = "https://picket.example";
const at = (href: string) => {
  const url = new URL(href, origin);
  return parseRoute(url.pathname, url.search);
};

describe("an address", () => {
  it("of one caller leads to it, whatever its name", () => {
    fc.assert(
      fc.property(text, text, (authenticator, principal) => {
        expect(at(callerHref({ authenticator, principal }))).toEqual({ view: "principal", authenticator, principal });
      }),
    );
    expect(at(callerHref({ authenticator: "a", principal: ".." }))).toMatchObject({ principal: ".." });
  });

  it("of a list leads to the same list, and asks the API the same", () => {
    const lists: fc.Arbitrary<CallerList> = fc.record({
      q: text,
      kind: text,
      by: text,
      finding: text,
      sort: fc.constantFrom(...callerSorts.map(({ name }) => name)),
    });
    fc.assert(
      fc.property(lists, (list) => {
        expect(at(callersHref(list))).toEqual({ view: "principals", list });
        const query = callerQuery(list);
        expect([query.get("q") ?? "", query.get("authenticator") ?? "", query.get("sort")]).toEqual([list.q, list.by, list.sort]);
      }),
    );
    expect(callersHref()).toBe("/_picket/principals");
    expect(parseCallerList(new URLSearchParams("?sort=evil&q=x"))).toMatchObject({ sort: "last", q: "x" });
    expect(isFiltered(parseCallerList(new URLSearchParams("?sort=first")))).toBe(false);
    expect(formatCallerList({ q: "100%_&" })).toBe("?q=100%25_%26");
  });

  it("of anything else is the overview, or the browser's", () => {
    for (const path of ["/_picket/", "/_picket/principalsX", "/_picket/principals/x"])
      expect(at(path)).toEqual({ view: "overview" });
    expect(at("/_picket/principals/")).toMatchObject({ view: "principals" });
    const ours = (href: string) => isViewLink(new URL(href, origin), origin);
    expect(["/_picket/?range=1h", "/_picket/principals?q=x"].map(ours)).toEqual([true, true]);
    const others = ["/_picket/api/v1/principals.csv", "https://elsewhere.example/_picket/", "/_picket/#sign-in=x", "/fleet"];
    expect(others.map(ours)).toEqual([false, false, false, false]);
  });
});

describe("the keys of the list", () => {
  const press = (key: string, over = {}) =>
    listCommandOf({ key, ctrlKey: false, metaKey: false, altKey: false, onTyping: false, onControl: false, ...over });

  it("search, move, open and close; while a text is typed letters are letters", () => {
    expect(["/", "j", "k", "Enter", "Escape", "x"].map((key) => press(key))).toEqual([
      "search",
      "next",
      "previous",
      "open",
      "close",
      null,
    ]);
    const typing = { onTyping: true };
    expect(["/", "j", "ArrowDown", "ArrowUp", "Enter", "Escape"].map((key) => press(key, typing))).toEqual([
      null,
      null,
      "next",
      "previous",
      "open",
      "close",
    ]);
    expect([press("Enter", { onControl: true }), press("/", { ctrlKey: true })]).toEqual([null, null]);
  });

  it("never select what is not there", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 30 }), fc.constantFrom(-1, 1), fc.nat(20), (from, by, count) => {
        const to = moved(Math.min(from, count - 1), by, count);
        expect(to).toBeGreaterThanOrEqual(count === 0 ? -1 : 0);
        expect(to).toBeLessThan(Math.max(count, 0));
      }),
    );
    expect([moved(-1, 1, 5), moved(0, -1, 5), moved(4, 1, 5)]).toEqual([0, 0, 4]);
  });
});

describe("what is found", () => {
  it("has a label for every code of the API, and for those to come", () => {
    expect(Object.keys(findingLabels).toSorted()).toEqual([...findingCodes].toSorted());
    expect(findingLabel("constructor")).toBe("constructor");
  });

  it("has room for two marks in a row", () => {
    const of = (...counts: number[]) => marksOf(counts.map((count, i) => ({ code: findingCodes[i] ?? "", count })));
    expect(of(1, 3, 1)).toEqual({ marks: ["shared key", "no exp ×3"], more: 1 });
    expect(of()).toEqual({ marks: [], more: 0 });
  });

  it("says how long has been watched, never more than is needed", () => {
    expect(watchWords({ days: 3, requests: 12_300 }, { days: 7, requests: 100 })).toBe("3 of 7 days, 100 of 100 requests");
  });
});

it("the command that revokes is three lines in which no name is expanded", () => {
  expect(revokeCommand({ authenticator: "keys", principal: "it's $(x)" })).toBe(
    "npx picket revoke \\\n  --kind principal \\\n  --authenticator=keys \\\n  --subject='it'\\''s $(x)' \\\n  --reason=\"say why\"",
  );
});

it("the client refuses a page that could not be shown", async () => {
  const asked: string[] = [];
  const client = new Client(async (input) => {
    asked.push(String(input));
    return Response.json({ generatedMs: 1, matched: 0, authenticators: [], callers: [] });
  });
  expect((await client.callers(new URLSearchParams({ q: "a b" }))).ok).toBe(true);
  const caller = await client.caller("a", "x/y&z");
  expect(!caller.ok && caller.failure.code).toBe("answer_malformed");
  expect(asked).toEqual(["/_picket/api/v1/principals?q=a+b", "/_picket/api/v1/principal?authenticator=a&principal=x%2Fy%26z"]);
  expect(readCaller(null)).toBeUndefined();
});

it("the views are loaded when they are asked for", () => {
  const shell = readFileSync(new URL("../../dashboard/src/Console.svelte", import.meta.url), "utf8");
  expect(shell.match(/import\("\.\/principals\/\w+View\.svelte"\)/g)?.length).toBe(2);
  expect(shell).not.toMatch(/^\s*import .*principals\/Principals?View/m);
});

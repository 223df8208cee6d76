import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { newCore } from "./core-fixture.ts";

const core = newCore();
const memory = new Uint8Array(core.memory.buffer);

/** The normalized path, or the reason it is refused for. Bytes as Latin-1 text. */
function normalize(path: string): string | number {
  const raw = Buffer.from(path, "latin1");
  // What an earlier, longer path left behind must not matter.
  memory.fill(0x2f, abi.PATH, abi.PATH + abi.MAX_PATH);
  memory.set(raw.subarray(0, abi.MAX_PATH), abi.PATH);
  const length = core.path_normalize(raw.length);
  return length < 0 ? -length : Buffer.from(memory.subarray(abi.PATH, abi.PATH + length)).toString("latin1");
}

/** RFC 3986 §6.2.2 and the list of refusals, by regular expressions over the whole path. */
function reference(path: string): string | number {
  const ambiguous = abi.REASON_PATH_AMBIGUOUS;
  if (path.length > abi.MAX_PATH) return abi.REASON_PATH_TOO_LONG;
  if (!path.startsWith("/") || /[^\x21-\x7e]|[\\;#?"<>^`{|}]/.test(path)) return ambiguous;
  if (/%(?![0-9A-Fa-f]{2})/.test(path) || /%([01].|7f|2f|5c|3b|23|3f)/i.test(path)) return ambiguous;
  for (const run of path.match(/(%..)+/g) ?? []) if (!isUtf8(Buffer.from(run.replaceAll("%", ""), "hex"))) return ambiguous;
  const normalized = path.replace(/%(..)/g, (triplet, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : triplet.toUpperCase();
  });
  if (/%25[0-9A-Fa-f]{2}/.test(normalized)) return ambiguous;
  if (normalized === "/") return normalized;
  const segments = normalized.replace(/\/$/, "").slice(1).split("/");
  if (segments.length > abi.MAX_SEGMENTS || segments.some((s) => s === "" || s === "." || s === "..")) return ambiguous;
  return normalized;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe("attacks", () => {
  const refused = [
    ["encoded dot segments", ["/a/%2e%2e/b", "/a/.%2e/b", "/a/%2E./b", "/a/%2e/b", "/%2e", "/a/%2e%2E"]],
    ["dot segments", ["/a/../b", "/a/./b", "/..", "/.", "/../", "/a/.."]],
    ["empty segments", ["//", "//a", "/a//b", "/a//", "/a///"]],
    ["backslash", ["/a\\b", "/\\evil", "/a%5cb", "/a%5C..%5cb"]],
    ["path parameters", ["/a;b=c/d", "/a/..;/b", "/a%3bb", "/a%3B"]],
    ["encoded slash", ["/a%2fb", "/a%2F..%2fb"]],
    ["controls", ["/a%00", "/a%00.json", "/a%0a", "/a%0D%0Ab", "/a%1f", "/a%7F", "/a\x00b", "/a b", "/a\tb", "/a\x7f"]],
    ["encoded separators", ["/a%23b", "/a%3fb", "/a%3F"]],
    ["raw separators", ["/a#b", "/a?b"]],
    ["what no URI may hold raw", ['/"a"', "/<a>", "/a^b", "/a`b", "/{a}", "/a|b"]],
    ["double encoding", ["/a/%252e%252e/b", "/%252f", "/%25%32%66", "/%25%32f", "/%252%66", "/%2541"]],
    ["malformed escapes", ["/%", "/a%", "/a%2", "/a%zz", "/a%2g", "/%u002e"]],
    [
      "overlong and broken UTF-8",
      ["/%c0%ae%c0%ae/", "/%e0%80%af", "/%f0%80%80%af", "/%ff", "/%c3", "/%c3a", "/%80", "/%ed%a0%80"],
    ],
    ["raw bytes beyond ASCII", ["/\xc3\xa9", "/caf\xe9"]],
    ["no path at all", ["", "*", "a/b", "http://x/"]],
  ] as const;
  test.each(refused)("%s", (_, paths) => {
    for (const path of paths) expect([path, normalize(path)]).toEqual([path, abi.REASON_PATH_AMBIGUOUS]);
  });

  test("too many segments, too many bytes", () => {
    expect(normalize("/a".repeat(abi.MAX_SEGMENTS))).toBe("/a".repeat(abi.MAX_SEGMENTS));
    expect(normalize(`${"/a".repeat(abi.MAX_SEGMENTS)}/`)).toBe(`${"/a".repeat(abi.MAX_SEGMENTS)}/`);
    expect(normalize("/a".repeat(abi.MAX_SEGMENTS + 1))).toBe(abi.REASON_PATH_AMBIGUOUS);
    expect(normalize("/%41".repeat(abi.MAX_SEGMENTS + 1))).toBe(abi.REASON_PATH_AMBIGUOUS);
    expect(normalize(`/${"a".repeat(abi.MAX_PATH - 1)}`)).toBe(`/${"a".repeat(abi.MAX_PATH - 1)}`);
    expect(normalize(`/${"a".repeat(abi.MAX_PATH)}`)).toBe(abi.REASON_PATH_TOO_LONG);
  });
});

test("what is plain stays, what is escaped without need is decoded, what must be escaped is in upper case", () => {
  for (const path of ["/", "/a", "/a/", "/a.b/..c/.d/...", "/a@b:c,d=e+f&g!h$i'j(k)*l~m", "/a%20b", "/%C3%A9%25"]) {
    expect(normalize(path)).toBe(path);
  }
  expect(normalize("/%41%2d%7e%5f%2E%30x")).toBe("/A-~_.0x");
  expect(normalize("/caf%c3%a9/%2b%3a")).toBe("/caf%C3%A9/%2B%3A");
});

test("a refused path stands as it came, for the event", () => {
  const path = "/%41%42/%2e%2e/secret";
  expect(normalize(path)).toBe(abi.REASON_PATH_AMBIGUOUS);
  expect(Buffer.from(memory.subarray(abi.PATH, abi.PATH + path.length)).toString("latin1")).toBe(path);
});

test("agrees with the reference on random paths, and what it accepts is a fixed point", () => {
  const pieces = [
    ..."//////aB.~-_+:@25%;?#\\ ",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%41",
    "%7e",
    "%25",
    "%252e",
    "%32",
    "%65",
    "%00",
    "%5C",
  ];
  pieces.push("%c3%a9", "%C3", "%A9", "%c0%ae", "%e2%82%ac", "%F0%9F%98%80", "%zz", "%3b", "%20", "\xe9", "segment", "/a/b/c");
  const paths = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => `/${parts.join("")}`);
  let accepted = 0;
  fc.assert(
    fc.property(paths, (path) => {
      const normalized = normalize(path);
      expect(normalized).toBe(reference(path));
      if (typeof normalized !== "string") return;
      accepted++;
      expect(normalize(normalized)).toBe(normalized);
      expect(normalized.length).toBeLessThanOrEqual(path.length);
    }),
    { numRuns: 20_000 },
  );
  const plain = fc.array(fc.constantFrom("a", "b.c", "%41", "%c3%a9", "x-y", "/z"), { maxLength: 60 });
  fc.assert(
    fc.property(plain, (parts) => {
      const path = `/${parts.join("")}`;
      expect(normalize(path)).toBe(reference(path));
    }),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(200);
});

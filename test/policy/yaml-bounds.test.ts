import { describe, expect, test } from "vitest";
import { parsePolicy } from "../../worker/policy/parse.ts";

const good = 'picket: 1\nservices:\n  - { name: a, match: {}, upstream: "binding:A", auth: [], owner: me }\n';

async function problemsOf(text: string) {
  const parsed = await parsePolicy(text, 0);
  return parsed.ok ? [] : parsed.problems.map(({ code, line, column }) => [code, line, column]);
}

/** Ten lists, each of nine aliases of the one before: 9¹⁰ texts, were they written out. */
const laughs = ["a0: &a0 [lol]", ...Array.from({ length: 10 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)].join(
  "\n",
);

test.each([
  ["a billion laughs", laughs, ["yaml_alias_limit", 1, 1]],
  ["101 aliases of one text", `a: &a 1\nb: [${"*a,".repeat(101)}]`, ["yaml_alias_limit", 1, 1]],
  ["an alias of nothing", "a: *x", ["yaml_alias_unknown", 1, 4]],
  ["an alias before its anchor", "a: *x\nb: &x 1", ["yaml_alias_unknown", 1, 4]],
  ["a key twice", `${good}picket: 1\n`, ["yaml_duplicate_key", 4, 1]],
  ["a key twice, far inside", good.replace("owner: me", "owner: me, owner: you"), ["yaml_duplicate_key", 3, 71]],
  ["an unknown tag", `${good}telemetry: !foo {}\n`, ["yaml_tag", 4, 12]],
  ["a tag that makes bytes", "picket: !!binary aGk=\n", ["yaml_tag", 1, 18]],
  ["YAML 1.1", `%YAML 1.1\n---\n${good}`, ["yaml_version", 1, 1]],
  ["two documents", `${good}---\n${good}`, ["yaml_syntax", 4, 1]],
  ["a tab for indentation", "a:\n\tb: 1", ["yaml_syntax", 2, 1]],
  ["an open quote", "a: 'b", ["yaml_syntax", 1, 6]],
  ["an open bracket", "a: [1, 2", ["yaml_syntax", 1, 9]],
  ["a key that is a list", "? [1]\n: 2", ["yaml_syntax", 1, 3]],
  ["a byte more than 1 MiB", "#".repeat(2 ** 20 + 1), ["yaml_too_large", null, null]],
  ["characters that are more bytes than 1 MiB", `#${"é".repeat(2 ** 19)}`, ["yaml_too_large", null, null]],
  ["an empty file", "", ["wrong_type", null, null]],
  ["a number", "5", ["wrong_type", 1, 1]],
  ["a merge key, which YAML 1.2 does not have", `${good}<<: {}\n`, ["unknown_key", 4, 1]],
])("%s is refused in its place", async (_, text, problem) => {
  expect(await problemsOf(text)).toEqual([problem]);
});

test.each([
  ["JSON", JSON.stringify({ picket: 1, services: [{ name: "a", match: {}, upstream: "binding:A", auth: [] }] })],
  ["line ends of Windows", good.replaceAll("\n", "\r\n")],
  ["a byte order mark", `\ufeff${good}`],
  ["exactly 1 MiB", good + "#".repeat(2 ** 20 - good.length)],
  [
    "aliases of a mapping and a text",
    `${good}  - &b { name: b, match: { path: &p /b }, upstream: "binding:A", auth: [] }\n  - { name: c, match: { path: /c }, upstream: "binding:A", auth: [], operations: [{ method: GET, path: /c, scopes: &s [x] }, { method: PUT, path: /c, scopes: *s }] }\n`,
  ],
])("%s is read", async (_, text) => {
  expect(await problemsOf(text)).toEqual([]);
});

test("a problem inside what an alias stands for is shown where it is written", async () => {
  const text = `picket: 1
services:
  - { name: a, match: {}, upstream: "binding:A", auth: [], cors: &c { origins: [here] } }
  - { name: b, match: { path: /b }, upstream: "binding:A", auth: [], cors: *c }
`;
  expect(await problemsOf(text)).toEqual([
    ["origin_malformed", 3, 81],
    ["origin_malformed", 3, 81],
  ]);
});

describe("work stays bounded", () => {
  test.each([100, 300, 500, 700, 900, 1100, 1300, 1500, 3000, 100_000])("at a nesting of %i", async (depth) => {
    const [problem] = await problemsOf("[".repeat(depth) + "]".repeat(depth));
    expect(["wrong_type", "yaml_too_deep"]).toContain(problem?.[0]);
  });

  const floods: [string, string][] = [
    ["keys", Array.from({ length: 50_000 }, (_, i) => `k${i}: 1`).join("\n")],
    ["doubles of a key", "a: 1\n".repeat(200_000)],
    ["services", `picket: 1\nservices: [${"{match: {host: a}},".repeat(40_000)}]`],
    [
      "references",
      `picket: 1\nservices: [{auth: [${"ab,".repeat(200_000)}]}]\nauthenticators: [${"{name: ax},".repeat(20_000)}]`,
    ],
    ["open brackets", "[{".repeat(250_000)],
  ];
  test.each(floods)("by a flood of %s", { timeout: 30_000 }, async (_, text) => {
    const problems = await problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(201);
  });
});

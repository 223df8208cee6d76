import fc from "fast-check";
import { expect, test } from "vitest";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { plainPolicy, put } from "./policies.ts";

const secret = fc.stringMatching(/^[A-Za-z0-9!$%^~]{12,40}$/).map((text) => `s3cr3t${text}`);

/** Where people put a secret that does not belong there. */
const places = [
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "authenticators[0].keys[0].secret", value),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "authenticators[0].keys[0]", value),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "authenticators[0].keys", value),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "authenticators[0].keys[0].password", value),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "authenticators[1].keys[0].sha256", value),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "authenticators[1].keys[0].key", value),
  (at: ReturnType<typeof plainPolicy>, value: string) =>
    put(at, "authenticators[0]", { name: "device-tokens", type: "cwt", audience: "a", derive: { secret: value } }),
  (at: ReturnType<typeof plainPolicy>, value: string) =>
    put(at, "authenticators[0]", { name: "device-tokens", type: "cwt", audience: "a", derive: value }),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "services[0].upstream", `http://user:${value}@a.example`),
  (at: ReturnType<typeof plainPolicy>, value: string) => put(at, "services[0].upstream", `http://a.example/?key=${value}`),
];

test("no problem repeats a secret that stands in the wrong place", async () => {
  await fc.assert(
    fc.asyncProperty(secret, fc.constantFrom(...places), async (value, place) => {
      const policy = plainPolicy();
      place(policy, value);
      const parsed = await parsePolicy(JSON.stringify(policy), 0);
      expect(parsed.ok).toBe(false);
      expect(JSON.stringify(parsed)).not.toContain(value);
    }),
    { numRuns: 200 },
  );
});

test.each([
  "keys: [{ secret: 'VALUE }]",
  "keys: [{ secret: VALUE",
  "secret: @VALUE",
  "secret: *VALUE",
  "secret: VALUE\nsecret: VALUE",
  "\tsecret: VALUE",
  "secret: !VALUE x",
  '{"secret": "VALUE',
  "secret: %VALUE\n VALUE: - VALUE",
])("nor does a text that is no YAML: %j", async (text) => {
  const value = "s3cr3t-hunter2";
  const parsed = await parsePolicy(text.replaceAll("VALUE", value), 0);
  expect(parsed.ok).toBe(false);
  expect(JSON.stringify(parsed)).not.toContain(value);
});

test("what is shown of a name cannot act on a terminal, and is short", async () => {
  const policy = plainPolicy();
  put(policy, "services[0].auth[0]", `\u001b[2J\u009b\u202e${"x".repeat(5000)}`);
  Object.assign(policy, { "\u001b[31m": 1 });
  const parsed = await parsePolicy(JSON.stringify(policy), 0);
  const shown = parsed.ok ? "" : parsed.problems.flatMap(({ path, message, found }) => [path, message, found]).join("\n");
  expect(shown).not.toBe("");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
  expect(shown.replaceAll("\n", "")).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
  expect(shown.length).toBeLessThan(1000);
});

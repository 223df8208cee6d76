import { expect, test } from "vitest";
import { secretMissing, secretResolver } from "../../worker/policy/secrets.ts";

const json = JSON.stringify({
  "env:PICKET_DEMO": "from json",
  "file:keys/a": "file's",
  "env:BOTH": "json",
  "env:EMPTY": "",
  "env:LIST": ["x"],
});
const secretOf = secretResolver({
  PLAIN: "binding",
  BOTH: "binding",
  PICKET_KEY: "master",
  PICKET_OTHER: "own",
  DB: {},
  EMPTY: "",
  PICKET_SECRETS: json,
});

test.each([
  ["env:PLAIN", "binding"],
  ["file:keys/a", "file's"],
  ["env:PICKET_DEMO", "from json"],
  ["env:BOTH", "json"],
  ["env:PICKET_KEY", undefined],
  ["env:PICKET_OTHER", undefined],
  ["env:PICKET_SECRETS", undefined],
  ["env:DB", undefined],
  ["env:EMPTY", undefined],
  ["env:LIST", undefined],
  ["env:constructor", undefined],
  ["env:__proto__", undefined],
  ["file:PLAIN", undefined],
  ["PLAIN", undefined],
])("%s is %j", (ref, value) => {
  expect(secretOf(ref)).toBe(value);
});

test.each(["", "{", "[]", "null", '"text"', "5"])("a PICKET_SECRETS of %j counts as empty", (PICKET_SECRETS) => {
  const secretOfBroken = secretResolver({ PICKET_SECRETS, A: "a" });
  expect([secretOfBroken("env:A"), secretOfBroken("file:b")]).toEqual(["a", undefined]);
});

test("a missing secret says how it is set, here and when deployed", () => {
  expect(secretMissing("env:DEVICE_SECRET")).toMatchObject({
    ok: false,
    code: "secret_missing",
    expected: "the environment variable DEVICE_SECRET (deployed: npx wrangler secret put DEVICE_SECRET)",
  });
  expect(secretMissing("file:keys/a")).toMatchObject({
    expected: 'a readable file keys/a, relative to the policy (deployed: an entry "file:keys/a" in the secret PICKET_SECRETS)',
  });
});

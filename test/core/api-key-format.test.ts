import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { newKey } from "../../cli/token/new-key.ts";
import * as abi from "../../wasm/abi.ts";
import { isWellFormedKey, makeKey } from "../../worker/policy/key-format.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A gateway that knows these keys. */
async function gatewayOf(keys: readonly string[]): Promise<(key: string) => number> {
  const list = keys.map((key, i) => ({ id: `k${i}`, sha256: digest(key) }));
  const policy = {
    picket: 1,
    services: [{ name: "s", match: { path: "/" }, upstream: "http://127.0.0.1:1", auth: ["keys"] }],
    authenticators: [{ name: "keys", type: "api-key", keys: list }],
  };
  const gateway = new TestGateway(newCore({ cells: 16, samples: 1 }), (await compileText(JSON.stringify(policy))).image);
  return (key) => {
    const { reason } = gateway.decide({ path: "/x", credentials: [null, key] });
    return reason === abi.REASON_OPERATION_UNKNOWN ? abi.REASON_NONE : reason; // undocumented, and let pass
  };
}

const env = fc.stringMatching(/^[a-z0-9]{1,16}$/);
const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const key = fc.tuple(env, bytes).map(([name, drawn]) => {
  let calls = 0;
  return makeKey(name, (length) => drawn.map((byte) => (byte + calls++ * 7) & 0xff).subarray(0, length));
});

test("a key has its shape, and is known whatever its environment and randomness", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 8 }), async (keys) => {
      const judge = await gatewayOf(keys);
      for (const one of keys) {
        expect(one).toMatch(/^pk_[a-z0-9]{1,16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/);
        expect([one, isWellFormedKey(one), judge(one)]).toEqual([one, true, abi.REASON_NONE]);
      }
    }),
    { numRuns: 100 },
  );
});

test("every change of one character is caught, at every place and to every character", () => {
  const one = makeKey("live", randomBytes);
  for (let at = 0; at < one.length; at++) {
    for (const c of `${alphabet}_-.~ `) {
      if (c === one[at]) continue;
      expect([at, c, isWellFormedKey(one.slice(0, at) + c + one.slice(at + 1))]).toEqual([at, c, false]);
    }
  }
});

test("so are a character more or less, and two that have changed places", () => {
  fc.assert(
    fc.property(key, fc.nat(), fc.constantFrom(...alphabet), (one, pick, c) => {
      const at = pick % one.length;
      expect(isWellFormedKey(one.slice(0, at) + one.slice(at + 1))).toBe(false);
      expect(isWellFormedKey(one.slice(0, at) + c + one.slice(at))).toBe(false);
      const swapped = one.slice(0, at) + (one[at + 1] ?? "") + one[at] + one.slice(at + 2);
      if (swapped !== one) expect(isWellFormedKey(swapped)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

let one: string;
let judgeJunk: (key: string) => number;
let junk: string[];

beforeAll(async () => {
  one = makeKey("live", randomBytes);
  const flip = (at: number) => one.slice(0, at) + (one[at] === "a" ? "b" : "a") + one.slice(at + 1);
  junk = [3, 8, 20, 39, 41, one.length - 1].map(flip);
  // The policy knows the digests of the junk too: that it is refused shows that no lookup took place.
  judgeJunk = await gatewayOf([one, ...junk]);
});

test("the core refuses junk of that shape by its checksum, before any lookup", () => {
  expect(judgeJunk(one)).toBe(abi.REASON_NONE);
  for (const bad of junk) expect([bad, judgeJunk(bad)]).toEqual([bad, abi.REASON_API_KEY_UNKNOWN]);
});

test("the core and the command line agree on what is well-formed", async () => {
  const near = fc.tuple(key, fc.nat(), fc.constantFrom(...alphabet)).map(([text, pick, c]) => {
    const at = pick % text.length;
    return text.slice(0, at) + c + text.slice(at + 1);
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(near, { minLength: 10, maxLength: 40 }), async (keys) => {
      const judge = await gatewayOf(keys); // so that only the checksum can refuse
      for (const text of keys) {
        const shaped = /^pk_[0-9A-Za-z]{1,16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/.test(text);
        const expected = shaped && !isWellFormedKey(text) ? abi.REASON_API_KEY_UNKNOWN : abi.REASON_NONE;
        expect([text, judge(text)]).toEqual([text, expected]);
      }
    }),
    { numRuns: 100 },
  );
});

test("keys of other shapes go on working", async () => {
  const others = [
    "acme-key",
    "pk_live_51H8example",
    "pk_",
    `sk${one.slice(2)}`,
    one.toUpperCase(),
    `${one}x`,
    one.slice(0, -1),
    one.replace("live", ""),
    one.replace("live", "li.e"),
    one.replace("live", "li_e"),
    one.replace("live", "l".repeat(17)),
    one.replace("pk_live_", "pk_live-"),
    `x${one}`,
    "p",
  ];
  const judge = await gatewayOf(others);
  for (const other of others) expect([other, judge(other)]).toEqual([other, abi.REASON_NONE]);
});

test("randomness is drawn again where a byte would favour some characters", () => {
  const draws = [new Uint8Array(32).fill(255), new Uint8Array(32).fill(248), new Uint8Array(32).fill(61)];
  expect(makeKey("t", () => draws.shift() ?? new Uint8Array(32))).toContain(`pk_t_${"z".repeat(32)}_`);
  expect(draws).toEqual([]);
});

test("a new key comes with a line that a policy takes, and that does not hold it", async () => {
  const args = ["--env", "test", "--id", "acme:eu", "--kind", "partner", "--scopes", "devices:read,b", "--expires", "2030-06-01"];
  const made = newKey(args, randomBytes);
  if (!made.ok) throw new Error(made.message);
  expect(made.entry).not.toContain(made.key.slice(8));
  const text = `picket: 1
services: [{ name: s, match: { path: / }, upstream: "http://127.0.0.1:1", auth: [keys], operations: [{ method: GET, path: /x, scopes: ["devices:read"] }] }]
authenticators:
  - name: keys
    type: api-key
    keys:
      ${made.entry}
`;
  const gateway = new TestGateway(newCore({ cells: 16, samples: 1 }), (await compileText(text)).image);
  expect(gateway.decide({ path: "/x", credentials: [null, made.key] }).reason).toBe(abi.REASON_NONE);
  expect(gateway.verdict.principal).toBe("acme:eu");
});

test("an id that YAML would read as something else is quoted", () => {
  expect(newKey(["--id", "True"], randomBytes)).toMatchObject({ entry: expect.stringMatching(/^- \{ id: "True", /) });
});

test.each([
  [["--env", "Live", "--id", "a"], "--env: 1 to 16 lower-case letters and digits"],
  [[], "--id is missing: who calls with this key"],
  [["--id", "a b"], "--id: this is not an id: letters, digits and ._:@-, at most 64"],
  [["--id", "a", "--expires", "soon"], "--expires: this is not a date or time"],
  [["--id", "a", "--scopes", "a b"], "--scopes: this is not a scope: visible ASCII without blanks, quotes or backslashes"],
  [["--id", "a", "--key", "x"], "an option is unknown or has no value"],
])("token new with %j says what is wrong", (args, message) => {
  expect(newKey(args, randomBytes)).toEqual({ ok: false, message });
});

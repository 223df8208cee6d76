import { createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");
const issuer = "https://id.example";

/** A policy of one service at "/", with these operations. */
function policyOf(operations: unknown[]): string {
  return JSON.stringify({
    picket: 1,
    services: [{ name: "s", match: { path: "/" }, upstream: "http://127.0.0.1:1", auth: ["tokens", "keys"], operations }],
    authenticators: [
      { name: "tokens", type: "jwt", issuer, audience: "a", keys: [{ kid: "k", secret: "env:S" }] },
      { name: "keys", type: "api-key", keys: [{ id: "acme", sha256: digest("acme-key") }] },
    ],
  });
}

async function gatewayOf(operations: unknown[]): Promise<TestGateway> {
  return new TestGateway(newCore({ cells: 16, samples: 1 }), (await compileText(policyOf(operations))).image);
}

function bearer(claims: Record<string, unknown>): string {
  return `Bearer ${signToken({ iss: issuer, aud: "a", exp: nowMs / 1000 + 60, ...claims }, secretNamed("env:S"), { kid: "k" })}`;
}

describe("one object", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await gatewayOf([
      { method: "GET", path: "/devices/{deviceId}/log", bind: { deviceId: "claim:dev" } },
      { method: "GET", path: "/users/{user}", bind: { user: "principal" } },
    ]);
  });

  const withToken = (path: string, claims: Record<string, unknown>, method = "GET") =>
    gateway.decide({ method, path, credentials: [bearer(claims)] }).reason;
  const ofDevice = (segment: string, dev: unknown) => withToken(`/devices/${segment}/log`, { sub: "s", dev });
  const ofUser = (segment: string, sub: unknown) => withToken(`/users/${segment}`, { sub });

  test("is its owner's alone, by whatever method reads it", () => {
    expect([ofDevice("7", "7"), ofDevice("7", 7), withToken("/devices/7/log/", { sub: "s", dev: "7" })]).toEqual([0, 0, 0]);
    expect(withToken("/devices/7/log", { sub: "s", dev: "7" }, "HEAD")).toBe(abi.REASON_NONE);
    for (const other of ["8", "77", "", "07", "7 ", "7/log", null, true, ["7"], { x: "7" }, undefined, 70, -7, 7.5]) {
      expect([other, ofDevice("7", other)]).toEqual([other, abi.REASON_OBJECT_NOT_OWNED]);
    }
    expect(withToken("/devices/8/log", { sub: "s", dev: "7" }, "HEAD")).toBe(abi.REASON_OBJECT_NOT_OWNED);
    expect([gateway.verdict.principal, gateway.verdict.limit]).toEqual(["s", -1]);
  });

  test("is compared with its escapes decoded once, byte for byte: neither case nor Unicode's forms are folded", () => {
    expect([ofUser("caf%C3%A9", "café"), ofUser("caf%c3%a9", "café"), ofUser("%63af%C3%A9", "café")]).toEqual([0, 0, 0]);
    expect([ofUser("a@b.c", "a@b.c"), ofUser("a%40b.c", "a@b.c"), ofUser("a%20b", "a b"), ofUser("100%25", "100%")]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(ofUser("%F0%9F%9A%80", "🚀")).toBe(abi.REASON_NONE);
    const others = [
      ["caf%C3%A9", "caf%C3%A9"], // whoever is called by the escape itself must not become café
      ["caf%C3%A9", "cafe\u0301"],
      ["Alice", "alice"],
      ["a+b", "a b"],
      ["a%2Bb", "a b"],
      ["caf%C3%A9", "caf\u00c3\u00a9"],
      ["100%25", "100%25"],
    ] as const;
    for (const [segment, sub] of others) expect([sub, ofUser(segment, sub)]).toEqual([sub, abi.REASON_OBJECT_NOT_OWNED]);
    // What could be decoded twice is refused as ambiguous, before anybody's name is looked at.
    expect(ofUser("caf%25C3%25A9", "caf%C3%A9")).toBe(abi.REASON_PATH_AMBIGUOUS);
    expect(ofUser("a%2Fb", "a/b")).toBe(abi.REASON_PATH_AMBIGUOUS);
    expect(ofUser("%FF", "\ufffd")).toBe(abi.REASON_PATH_AMBIGUOUS);
  });

  test("an API key is its id, and has no claims", () => {
    const withKey = (path: string) => gateway.decide({ path, credentials: [null, "acme-key"] }).reason;
    expect([withKey("/users/acme"), withKey("/users/acmf")]).toEqual([0, abi.REASON_OBJECT_NOT_OWNED]);
    // Not even those of the token that was judged before.
    expect(ofDevice("7", "7")).toBe(abi.REASON_NONE);
    expect(withKey("/devices/7/log")).toBe(abi.REASON_OBJECT_NOT_OWNED);
  });

  test("a token without a subject owns nothing by its issuer's name", async () => {
    const plain = new TestGateway(
      newCore({ cells: 16, samples: 1 }),
      (await compileText(policyOf([{ method: "GET", path: "/{user}", bind: { user: "principal" } }]).replaceAll(issuer, "acme")))
        .image,
    );
    const reason = (claims: Record<string, unknown>) =>
      plain.decide({ path: "/acme", credentials: [bearer({ ...claims, iss: "acme" })] }).reason;
    expect([reason({}), reason({ sub: "acme" })]).toEqual([abi.REASON_OBJECT_NOT_OWNED, abi.REASON_OBJECT_NOT_OWNED]);
    expect(plain.verdict.principal).toBe("acme");
  });

  test("who is not authenticated learns nothing of whose it is", () => {
    expect(gateway.decide({ path: "/users/acme" }).reason).toBe(abi.REASON_CREDENTIAL_MISSING);
    expect(gateway.decide({ path: "/users/acme", credentials: [`${bearer({ sub: "acme" })}x`] }).reason).not.toBe(
      abi.REASON_NONE,
    );
  });
});

test("a bind is judged after the scopes and before the limits, which it leaves uncharged", async () => {
  const policy = JSON.parse(
    policyOf([{ method: "GET", path: "/{x}", scopes: ["r"], limits: ["one"], bind: { x: "principal" } }]),
  );
  policy.limits = [{ name: "one", by: "principal", rate: "1/1h", burst: 1 }];
  const gateway = new TestGateway(newCore({ cells: 16, samples: 1 }), (await compileText(JSON.stringify(policy))).image);
  const reason = (path: string, scope: string) => gateway.decide({ path, credentials: [bearer({ sub: "me", scope })] }).reason;
  expect(reason("/you", "")).toBe(abi.REASON_SCOPE_MISSING);
  for (let i = 0; i < 10; i++) expect(reason("/you", "r")).toBe(abi.REASON_OBJECT_NOT_OWNED);
  expect([reason("/me", "r"), reason("/me", "r"), reason("/you", "r")]).toEqual([
    abi.REASON_NONE,
    abi.REASON_RATE_LIMITED,
    abi.REASON_OBJECT_NOT_OWNED,
  ]);
});

// ---------------------------------------------------------------- against a naive reference
const names = ["a", "b", "ab", "é", "a b", "a@b", "7", "%41", "🚀"];
const subject = fc.constantFrom("principal", "claim:c0", "claim:c1", "claim:c2");
const part = fc.oneof(fc.constantFrom("a", "b", "ab"), fc.record({ bound: fc.option(subject, { nil: null, freq: 3 }) }));
/** `/x0/…`: the first literal tells operations apart, so that the reference needs no matcher. */
const operation = fc.tuple(fc.array(part, { minLength: 1, maxLength: 6 }), fc.boolean());
type Part = string | { bound: string | null };

function plainOperation(parts: readonly Part[], wild: boolean, index: number): Record<string, unknown> {
  const bind: Record<string, string> = {};
  const segments = parts.map((one, i) => {
    if (typeof one === "string") return one;
    if (one.bound !== null) bind[`p${i}`] = one.bound;
    return `{p${i}}`;
  });
  return { method: "GET", path: `/x${index}/${segments.join("/")}${wild ? "/{rest+}" : ""}`, bind };
}

const claims = fc.record(
  {
    sub: fc.constantFrom(...names),
    c0: fc.constantFrom<unknown>(...names, 7, null),
    c1: fc.constantFrom<unknown>(...names, ["a"]),
    c2: fc.constantFrom<unknown>("", ...names),
  },
  { requiredKeys: [] },
);

/** One of the ways in which a name can be written in a path. */
function written(name: string, style: number): string {
  if (style === 0) return encodeURIComponent(name);
  if (style === 1) return encodeURIComponent(name).replaceAll("%40", "@");
  return [...Buffer.from(name)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

function owns(by: string, value: string, held: Record<string, unknown>): boolean {
  const own = by === "principal" ? held.sub : held[by.slice(6)];
  return (typeof own === "string" || typeof own === "number") && String(own) === value;
}

test("agrees with a reference over random templates, paths and claims", async () => {
  const seen = { passed: 0, refused: 0 };
  const call = fc.record({
    claims,
    pick: fc.nat(),
    values: fc.array(fc.constantFrom(...names), { minLength: 6, maxLength: 6 }),
    own: fc.boolean(),
    style: fc.nat(2),
    slash: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 1, maxLength: 5 }),
      fc.array(call, { minLength: 20, maxLength: 40 }),
      async (operations, calls) => {
        const gateway = await gatewayOf(operations.map(([parts, wild], i) => plainOperation(parts, wild, i)));
        for (const { claims: held, pick, values, own, style, slash } of calls) {
          const index = pick % operations.length;
          const [parts, wild] = operations[index] as (typeof operations)[number];
          let expected: number = abi.REASON_NONE;
          const segments = parts.map((one, i) => {
            if (typeof one === "string") return one;
            const mine = one.bound === "principal" ? held.sub : held[(one.bound ?? "").slice(6) as "c0"];
            const value = own && typeof mine === "string" && mine !== "" ? mine : (values[i] ?? "a");
            const judged = expected === abi.REASON_NONE && one.bound !== null;
            if (judged && !owns(one.bound ?? "", value, held)) expected = abi.REASON_OBJECT_NOT_OWNED;
            if (value === "%41") expected = abi.REASON_PATH_AMBIGUOUS; // however it is written, it reads as an escape twice
            return written(value, style);
          });
          const path = `/x${index}/${segments.join("/")}${wild ? "/a/b" : ""}${slash ? "/" : ""}`;
          const { reason } = gateway.decide({ path, credentials: [bearer(held)] });
          expect([path, held, reason]).toEqual([path, held, expected]);
          if (expected === abi.REASON_NONE) seen.passed++;
          else seen.refused++;
        }
      },
    ),
    { numRuns: 150, seed: 3 },
  );
  expect(Math.min(seen.passed, seen.refused)).toBeGreaterThan(500);
});

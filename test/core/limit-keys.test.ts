import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway, type TestRequest } from "./core-fixture.ts";

const issuers: Record<string, string> = { a: "https://a.example", b: "https://b.example" };
const operations = ["/x/{id}", "/y/{kind}/{id}"];

function policyOf(by: unknown): string {
  const parts = JSON.stringify(by);
  return `
picket: 1
services:
  - { name: s, match: { path: / }, upstream: "http://127.0.0.1:1", auth: [a, b, keys], limits: [counted], undocumented: refuse, operations: [${operations.map((path) => `"GET ${path}"`).join(", ")}] }
  - { name: public, match: { path: /public }, upstream: "http://127.0.0.1:1", auth: [], limits: [counted], undocumented: refuse, operations: ["GET /public/{id}"] }
authenticators:
  - { name: a, type: jwt, issuer: "${issuers.a}", audience: x, keys: [{ secret: "env:A" }] }
  - { name: b, type: jwt, issuer: "${issuers.b}", audience: x, keys: [{ secret: "env:B" }] }
  - { name: keys, type: api-key, header: X-Api-Key, keys: [{ id: one, sha256: "${createHash("sha256").update("one-key").digest("hex")}" }] }
limits:
  - { name: counted, by: ${parts}, rate: 1/1h, burst: 1 }
`;
}

interface Caller {
  issuer: "a" | "b" | "keys" | "nobody";
  sub: string;
  dev: string | undefined;
  jti: string;
}

interface Call {
  caller: Caller;
  path: number;
  id: string;
  address: string;
  asn: number;
  country: string;
  tenant: string | null;
}

const call: fc.Arbitrary<Call> = fc.record({
  caller: fc.record({
    issuer: fc.constantFrom("a" as const, "b" as const, "keys" as const, "nobody" as const),
    sub: fc.constantFrom("s", "t", "x"),
    dev: fc.constantFrom("s", "7", undefined),
    jti: fc.constantFrom("1", "2"),
  }),
  path: fc.nat(1),
  id: fc.constantFrom("s", "7", "8"),
  address: fc.constantFrom("192.0.2.1", "192.0.2.2", "192.0.3.1", "2001:db8::1", "2001:db8:0:1::1", "2001:db8:1::1"),
  asn: fc.constantFrom(1, 2),
  country: fc.constantFrom("DE", "FR"),
  tenant: fc.constantFrom("s", "t", null),
});

const part = fc.constantFrom(
  "principal",
  "credential",
  "address",
  "network",
  "asn",
  "country",
  "operation",
  "service",
  "claim:dev",
  "header:X-Tenant",
  "parameter:id",
);

function requestOf({ caller, path, id, address, asn, country, tenant }: Call): TestRequest {
  const { issuer, sub, dev, jti } = caller;
  const claims = { iss: issuers[issuer], aud: "x", sub, dev, jti, exp: nowMs / 1000 + 60 };
  const bearer =
    issuer === "a" || issuer === "b" ? `Bearer ${signToken(claims, secretNamed(`env:${issuer.toUpperCase()}`))}` : null;
  const template = issuer === "nobody" ? "/public/{id}" : (operations[path] ?? "");
  return {
    path: template.replace("{id}", id).replace("{kind}", "k"),
    address,
    asn,
    country,
    keyHeaders: [tenant],
    credentials: [bearer, issuer === "keys" ? "one-key" : null],
  };
}

/** What is counted apart, as a person would write it down. */
function keyOf(by: readonly string[], one: Call): string {
  const { caller, path, id, address, asn, country, tenant } = one;
  const isPublic = caller.issuer === "nobody";
  const isV6 = address.includes(":");
  const subscriber = isV6 ? address.replace(/::1$/, "") : address;
  const network = isV6 ? (address.startsWith("2001:db8:1:") ? "2001:db8:1" : "2001:db8:0") : address.replace(/\.\d+$/, "");
  const fromAddress = `address ${subscriber}`;
  const who = caller.issuer === "keys" ? "key one" : `${caller.issuer} ${caller.sub}`;
  const principal = isPublic ? fromAddress : `principal ${who}`;
  const isToken = !isPublic && caller.issuer !== "keys";
  const parts: Record<string, string> = {
    principal,
    credential: isPublic ? fromAddress : `credential ${who} ${isToken ? `${caller.dev} ${caller.jti}` : ""}`,
    address: fromAddress,
    network: `network ${network}`,
    asn: `asn ${asn}`,
    country: `country ${country}`,
    operation: `operation ${isPublic ? "public" : path}`,
    service: `service ${isPublic}`,
    "claim:dev": isToken && caller.dev !== undefined ? `claim ${caller.issuer} ${caller.dev}` : principal,
    "header:X-Tenant": tenant === null ? principal : `header ${tenant}`,
    "parameter:id": `parameter ${id}`,
  };
  return JSON.stringify(by.map((name) => parts[name]));
}

test("two requests share a count exactly where every part of the limit's key is the same", async () => {
  let shared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(part, { minLength: 1, maxLength: abi.MAX_KEY_PARTS }),
      fc.array(call, { minLength: 2, maxLength: 12 }),
      async (by, calls) => {
        const gateway = new TestGateway(
          newCore({ cells: 1024 }),
          (await compileText(policyOf(by.length === 1 ? by[0] : by))).image,
        );
        const seen = new Set<string>();
        for (const one of calls) {
          const key = keyOf(by, one);
          const { reason } = gateway.decide(requestOf(one));
          expect([key, reason]).toEqual([key, seen.has(key) ? abi.REASON_RATE_LIMITED : abi.REASON_NONE]);
          shared += Number(seen.has(key));
          seen.add(key);
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(shared).toBeGreaterThan(100);
});

test("counts survive a policy that renumbers services and operations", async () => {
  const before = policyOf(["service", "operation"]);
  const after = before.replace(
    "services:\n",
    `services:\n  - { name: first, match: { path: /public/long/er }, upstream: "http://127.0.0.1:1", auth: [], operations: [GET /public/long/er] }\n`,
  );
  const core = newCore();
  const one = requestOf({
    caller: { issuer: "a", sub: "s", dev: undefined, jti: "1" },
    path: 0,
    id: "7",
    address: "192.0.2.1",
    asn: 1,
    country: "DE",
    tenant: null,
  });
  expect(new TestGateway(core, (await compileText(before)).image).decide(one).reason).toBe(abi.REASON_NONE);
  expect(new TestGateway(core, (await compileText(after)).image).decide(one).reason).toBe(abi.REASON_RATE_LIMITED);
});

test("a preflight is held to limits by address or network alone", async () => {
  const preflight: TestRequest = { method: "OPTIONS", path: "/x/7", flags: abi.FLAG_PREFLIGHT };
  const second = async (by: unknown) => {
    const gateway = new TestGateway(newCore(), (await compileText(policyOf(by))).image);
    gateway.decide(preflight);
    return gateway.decide(preflight).reason;
  };
  for (const by of ["address", "network", ["network", "asn"], ["address", "service"]])
    expect(await second(by)).toBe(abi.REASON_RATE_LIMITED);
  for (const by of ["principal", "service", ["address", "principal"], ["address", "header:X-T"]])
    expect(await second(by)).toBe(abi.REASON_NONE);
});

test("a header longer than what is kept counts as absent", async () => {
  const gateway = new TestGateway(newCore(), (await compileText(policyOf("header:X-Tenant"))).image);
  const from = (address: string, tenant: string) => gateway.decide({ path: "/public/7", address, keyHeaders: [tenant] }).reason;
  expect([from("192.0.2.1", "t".repeat(256)), from("192.0.2.2", "t".repeat(256))]).toEqual([
    abi.REASON_NONE,
    abi.REASON_RATE_LIMITED,
  ]);
  expect([from("192.0.2.3", "u".repeat(257)), from("192.0.2.4", "u".repeat(257))]).toEqual([abi.REASON_NONE, abi.REASON_NONE]);
  expect(from("192.0.2.3", "v".repeat(300))).toBe(abi.REASON_RATE_LIMITED);
});

import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");
const issuer = "https://id.example";

interface Shape {
  roles: Record<string, string[]>;
  operations: { scopes: string[]; roles: string[] }[];
  keyRoles?: string[];
  keyScopes?: string[];
  rolesClaim?: string;
}

async function gatewayOf({ roles, operations, keyRoles = [], keyScopes = [], rolesClaim }: Shape): Promise<TestGateway> {
  const policy = {
    picket: 1,
    services: [
      {
        name: "s",
        match: { path: "/" },
        upstream: "http://127.0.0.1:1",
        auth: ["tokens", "keys"],
        operations: operations.map((operation, i) => ({ method: "GET", path: `/${i}`, ...operation })),
      },
    ],
    roles,
    authenticators: [
      { name: "tokens", type: "jwt", issuer, audience: "a", keys: [{ kid: "k", secret: "env:S" }], rolesClaim },
      { name: "keys", type: "api-key", keys: [{ id: "acme", sha256: digest("acme-key"), roles: keyRoles, scopes: keyScopes }] },
    ],
  };
  return new TestGateway(newCore({ cells: 16, samples: 1 }), (await compileText(JSON.stringify(policy))).image);
}

function bearer(claims: Record<string, unknown>): string {
  const all = { iss: issuer, aud: "a", sub: "s", exp: nowMs / 1000 + 60, ...claims };
  return `Bearer ${signToken(all, secretNamed("env:S"), { kid: "k" })}`;
}

const names = ["operator", "auditor", "Ops team", "é", "admin"];
const scopeNames = ["r", "w", "x:y"];
const someScopes = fc.uniqueArray(fc.constantFrom(...scopeNames), { maxLength: 2 });
const someRoles = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 });

test("agrees with a reference over random roles, scopes and callers", async () => {
  const seen = [0, 0, 0];
  const roles = fc.record(Object.fromEntries(names.map((name) => [name, someScopes])));
  const operations = fc.array(fc.record({ scopes: someScopes, roles: someRoles }), { minLength: 1, maxLength: 5 });
  const call = fc.record({
    pick: fc.nat(),
    scopes: someScopes,
    held: fc.oneof(
      someRoles,
      fc.constantFrom<unknown>("operator", "Ops team", "operator auditor", 7, null, {}, ["operator", 7], []),
    ),
  });
  await fc.assert(
    fc.asyncProperty(
      roles,
      operations,
      someRoles,
      someScopes,
      fc.array(call, { minLength: 20, maxLength: 40 }),
      async (known, list, keyRoles, keyScopes, calls) => {
        const gateway = await gatewayOf({ roles: known, operations: list, keyRoles, keyScopes });
        const expected = (operation: { scopes: string[]; roles: string[] }, held: string[], own: string[]) => {
          const scopes = new Set([...own, ...held.flatMap((role) => known[role] ?? [])]);
          if (!operation.scopes.every((scope) => scopes.has(scope))) return abi.REASON_SCOPE_MISSING;
          const suffices = operation.roles.length === 0 || operation.roles.some((role) => held.includes(role));
          return suffices ? abi.REASON_NONE : abi.REASON_ROLE_MISSING;
        };
        for (const { pick, scopes, held } of calls) {
          const path = pick % list.length;
          const operation = list[path] as (typeof list)[number];
          const isList = Array.isArray(held) && held.every((one) => typeof one === "string");
          const roleList = isList ? (held as string[]) : typeof held === "string" ? [held] : [];
          const byToken = gateway.decide({
            path: `/${path}`,
            credentials: [bearer({ scope: scopes.join(" "), roles: held })],
          }).reason;
          expect([operation, scopes, held, byToken]).toEqual([operation, scopes, held, expected(operation, roleList, scopes)]);
          const byKey = gateway.decide({ path: `/${path}`, credentials: [null, "acme-key"] }).reason;
          expect([operation, keyRoles, byKey]).toEqual([operation, keyRoles, expected(operation, keyRoles, keyScopes)]);
          const kind = byToken === abi.REASON_NONE ? 0 : byToken === abi.REASON_SCOPE_MISSING ? 1 : 2;
          seen[kind] = (seen[kind] ?? 0) + 1;
        }
      },
    ),
    { numRuns: 150, seed: 5 },
  );
  expect(Math.min(...seen)).toBeGreaterThan(300);
});

test("the policy's last role has a bit of its own, and what it does not name has none", async () => {
  const many = Array.from({ length: abi.MAX_ROLES }, (_, i) => `role-${i}`);
  const gateway = await gatewayOf({
    roles: Object.fromEntries(many.map((name) => [name, [`scope-of-${name}`]])),
    operations: many.map((name) => ({ scopes: [`scope-of-${name}`], roles: [name] })),
  });
  const reason = (path: number, roles: unknown) => gateway.decide({ path: `/${path}`, credentials: [bearer({ roles })] }).reason;
  for (const [i, name] of many.entries()) {
    expect([name, reason(i, [name]), reason(i, many), reason(i, "x")]).toEqual([name, 0, 0, abi.REASON_SCOPE_MISSING]);
    expect(
      reason(
        i,
        many.filter((other) => other !== name),
      ),
    ).toBe(abi.REASON_SCOPE_MISSING);
  }
});

test("roles are read from the claim that the authenticator names, escapes and all, and from no other", async () => {
  const gateway = await gatewayOf({
    roles: { "Ops team": [], admin: [] },
    operations: [{ scopes: [], roles: ["Ops team"] }],
    rolesClaim: "https://example/groups",
  });
  const reason = (claims: Record<string, unknown>) => gateway.decide({ path: "/0", credentials: [bearer(claims)] }).reason;
  expect(reason({ "https://example/groups": ["x", "Ops team"] })).toBe(abi.REASON_NONE);
  expect(reason({ roles: ["Ops team"] })).toBe(abi.REASON_ROLE_MISSING);
  expect(reason({ "https://example/groups": ["ops team", "Ops", "Ops team ", "admin"] })).toBe(abi.REASON_ROLE_MISSING);
  // The same text, written with escapes.
  const parts = bearer({ "https://example/groups": ["@"] })
    .slice(7)
    .split(".");
  const json = Buffer.from(parts[1] ?? "", "base64url")
    .toString()
    .replace('"@"', '"\\u004fps\\u0020team"');
  const [header = ""] = parts;
  const input = `${header}.${Buffer.from(json).toString("base64url")}`;
  const signature = createHmac("sha256", secretNamed("env:S")).update(input).digest("base64url");
  expect(gateway.decide({ path: "/0", credentials: [`Bearer ${input}.${signature}`] }).reason).toBe(abi.REASON_NONE);
});

test("a caller's roles do not outlive its request", async () => {
  const gateway = await gatewayOf({ roles: { admin: [] }, operations: [{ scopes: [], roles: ["admin"] }], keyRoles: ["admin"] });
  const byKey = () => gateway.decide({ path: "/0", credentials: [null, "acme-key"] }).reason;
  const byToken = (roles: unknown) => gateway.decide({ path: "/0", credentials: [bearer({ roles })] }).reason;
  expect([byKey(), byToken(undefined), byToken(["admin"]), byToken([]), byKey()]).toEqual([
    abi.REASON_NONE,
    abi.REASON_ROLE_MISSING,
    abi.REASON_NONE,
    abi.REASON_ROLE_MISSING,
    abi.REASON_NONE,
  ]);
});

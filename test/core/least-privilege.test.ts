import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../cli/random.ts";
import * as abi from "../../wasm/abi.ts";
import type { PrincipalOperationRow, PrincipalRow } from "../../worker/db/principal-rows.ts";
import { csvText } from "../../worker/export/csv.ts";
import type { PolicyMeta } from "../../worker/policy/compiled.ts";
import { countDistinct } from "../../worker/soc/linear-counting.ts";
import { findingsOf } from "../../worker/soc/privilege-findings.ts";
import { ownerOf, readPrivilegePolicy } from "../../worker/soc/privilege-policy.ts";
import { shellQuoted } from "../../worker/soc/privilege-remedies.ts";
import { holdingsOf, unusedOf, watchOf } from "../../worker/soc/privileges.ts";
import { scopeUses } from "../../worker/soc/scope-uses.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 24, 12);
const digest = (key: string) => createHash("sha256").update(key).digest("hex");

interface Shape {
  roles: Record<string, string[]>;
  operations: { scopes: string[]; roles: string[] }[];
}

interface Held {
  scopes: string[];
  roles: string[];
}

async function compiled({ roles, operations }: Shape, { scopes, roles: keyRoles }: Held) {
  const listed = operations.map((operation, i) => ({ method: "GET", path: `/${i}`, ...operation }));
  return compileText(
    JSON.stringify({
      picket: 1,
      services: [{ name: "s", match: { path: "/" }, upstream: "http://127.0.0.1:1", auth: ["keys"], operations: listed }],
      roles,
      authenticators: [
        {
          name: "keys",
          type: "api-key",
          owner: "desk",
          keys: [{ id: "acme", sha256: digest("acme-key"), scopes, roles: keyRoles, owner: "acme's" }],
        },
      ],
    }),
  );
}

/** Which operations the real core lets this key call. */
async function allowedBy(shape: Shape, held: Held): Promise<number[]> {
  const gateway = new TestGateway(newCore({ cells: 16, samples: 1 }), (await compiled(shape, held)).image);
  const reasonOf = (i: number) => gateway.decide({ path: `/${i}`, credentials: [null, "acme-key"] }).reason;
  return shape.operations.map((_, i) => i).filter((i) => reasonOf(i) === abi.REASON_NONE);
}

function row(over: Partial<PrincipalRow> = {}): PrincipalRow {
  return {
    authenticator: "keys",
    principal: "acme",
    kind: "partner",
    credential: "acme",
    scopes: "",
    firmware: "",
    roles: "",
    issuedMs: null,
    expiresMs: NOW + 30 * DAY,
    lifetimeMs: null,
    endless: 0,
    firstMs: NOW - 41 * DAY,
    lastMs: NOW,
    addressDay: Math.floor(NOW / DAY),
    addressLow: 1,
    addressHigh: 0,
    revoked: 0,
    ...over,
  };
}

function called(i: number | string, over: Partial<PrincipalOperationRow> = {}): PrincipalOperationRow {
  const name = { authenticator: "keys", principal: "acme", service: "s", method: "GET", operation: `/${i}` };
  return { ...name, allowed: 12_300, refused: 0, firstMs: NOW - 41 * DAY, lastMs: NOW, ...over };
}

const policyOf = (meta: unknown) => readPrivilegePolicy(JSON.stringify(meta));

/** A policy in the host's words, as far as privileges go. */
function meta(shape: Shape, type: "api-key" | "jwt" = "api-key"): Partial<PolicyMeta> {
  return {
    version: 3,
    services: [{ name: "s" }] as PolicyMeta["services"],
    operations: shape.operations.map((one, i) => ({ service: 0, method: "GET", template: `/${i}`, ...one })),
    roles: Object.entries(shape.roles).map(([name, scopes]) => ({ name, scopes })),
    authenticators: [{ name: "keys", type, slot: 0, owner: "", keys: [], verification: null, store: null }],
  };
}

const findings = (
  over: Partial<PrincipalRow>,
  {
    shape = { roles: {}, operations: [] },
    operations = [],
    type = "api-key",
    days = 7,
    requests = 100,
  }: {
    shape?: Shape;
    operations?: PrincipalOperationRow[];
    type?: "api-key" | "jwt";
    days?: number;
    requests?: number;
  } = {},
) => {
  const policy = policyOf(meta(shape, type));
  const caller = { row: row(over), operations };
  return findingsOf(caller, policy, watchOf(caller, policy, { days, requests }), NOW);
};
const codes = (...args: Parameters<typeof findings>) => findings(...args).map(({ code }) => code);

describe("proposals", () => {
  const scopes = fc.subarray(["r", "w", "x:y", "z"], { maxLength: 3 });
  const names = ["operator", "help desk", "é", "admin"];
  const roles = fc.subarray(names, { maxLength: 3 });
  const shapes = fc.record({
    roles: fc.record(Object.fromEntries(names.map((name) => [name, scopes]))),
    operations: fc.array(fc.record({ scopes, roles }), { minLength: 1, maxLength: 6 }),
  });

  it("can all be followed without the core refusing what it let pass, and leave nothing to propose", async () => {
    let proposed = 0;
    await fc.assert(
      fc.asyncProperty(shapes, fc.record({ scopes, roles }), async (shape, held) => {
        const before = await allowedBy(shape, held);
        const policy = policyOf((await compiled(shape, held)).meta);
        const caller = {
          row: row({ scopes: held.scopes.join(" "), roles: held.roles.join(" ") }),
          operations: before.map((i) => called(i)),
        };
        expect(holdingsOf(caller, policy)).toEqual({ scopes: held.scopes.toSorted(), roles: held.roles.toSorted() });
        const unused = unusedOf(caller, policy);
        proposed += unused.scopes.length + unused.roles.length;
        const needed = before.flatMap((i) => shape.operations[i]?.scopes ?? []);
        expect(unused.scopes.filter((scope) => needed.includes(scope))).toEqual([]);
        const left = {
          scopes: held.scopes.filter((one) => !unused.scopes.includes(one)),
          roles: held.roles.filter((one) => !unused.roles.includes(one)),
        };
        const after = await allowedBy(shape, left);
        expect(before.filter((i) => !after.includes(i))).toEqual([]);
        const then = { ...caller, row: row({ scopes: left.scopes.join(" "), roles: left.roles.join(" ") }) };
        expect(unusedOf(then, policy)).toEqual({ scopes: [], roles: [] });
      }),
      { numRuns: 300, seed: 3 },
    );
    expect(proposed).toBeGreaterThan(200);
  });

  const shape = {
    roles: { operator: ["w"] },
    operations: [
      { scopes: ["r"], roles: [] },
      { scopes: ["w"], roles: [] },
    ],
  };

  it("say the scope, the evidence and what is left", () => {
    const found = findings({ scopes: "r w", roles: "operator" }, { shape, operations: [called(0)] });
    expect(found).toEqual([
      {
        code: "scope_unused",
        subject: "w",
        says: "Remove w from acme: unused in 41 days, 12,300 requests seen.",
        evidence: { days: 41, requests: 12_300 },
        remedy: { kind: "policy", text: '# authenticators, name: keys, keys, id: "acme"\nscopes: ["r"]' },
      },
      {
        code: "role_unused",
        subject: "operator",
        says: "Remove the role operator from acme: not needed in 41 days, 12,300 requests seen.",
        evidence: { days: 41, requests: 12_300 },
        remedy: { kind: "policy", text: '# authenticators, name: keys, keys, id: "acme"\nroles: []' },
      },
    ]);
    expect(findings({ scopes: "r w" }, { shape, operations: [called(0)], type: "jwt" })[0]?.remedy.kind).toBe("issuer");
  });

  it("come only after the window, in time and in requests that were let pass", () => {
    const of = (over: Partial<PrincipalRow>, allowed: number, window = {}) =>
      codes({ scopes: "r w", ...over }, { shape, operations: [called(0, { allowed, refused: 1e6 })], ...window });
    expect(of({}, 100)).toEqual(["scope_unused"]);
    expect(of({}, 99)).toEqual([]);
    expect(of({}, 99, { requests: 99 })).toEqual(["scope_unused"]);
    expect(of({ firstMs: NOW - 7 * DAY }, 100)).toEqual(["scope_unused"]);
    expect(of({ firstMs: NOW - 7 * DAY + 1 }, 100)).toEqual([]);
    // Silence is no observation: what counts is the time in which it called.
    expect(of({ lastMs: NOW - 40 * DAY }, 100)).toEqual([]);
    expect(of({ firstMs: NOW - 7 * DAY + 1 }, 100, { days: 6 })).toEqual(["scope_unused"]);
  });

  it("wait anew after the last use of an operation that the policy lists no longer", () => {
    const gone = called("gone", { lastMs: NOW - 3 * DAY });
    expect(codes({ scopes: "r w" }, { shape, operations: [called(0), gone] })).toEqual([]);
    const longGone = called("gone", { lastMs: NOW - 8 * DAY });
    expect(codes({ scopes: "r w" }, { shape, operations: [called(0), longGone] })).toEqual(["scope_unused"]);
    const refused = called("gone", { allowed: 0, refused: 9 });
    expect(codes({ scopes: "r w" }, { shape, operations: [called(0), refused] })).toEqual(["scope_unused"]);
  });
});

describe("what is found of a credential", () => {
  it("is its lifetime, or that it has no end", () => {
    const endless = findings({ expiresMs: null, endless: 1 });
    expect(endless.map(({ code }) => code)).toEqual(["credential_long_lived"]);
    expect(endless[0]?.remedy.text).toMatch(/\nexpires: 2027-02-22$/);
    expect(codes({ expiresMs: null, endless: 1 }, { type: "jwt" })).toEqual(["token_without_exp"]);
    expect(codes({ lifetimeMs: 90 * DAY }, { type: "jwt" })).toEqual([]);
    expect(codes({ lifetimeMs: 91 * DAY }, { type: "jwt" })).toEqual(["credential_long_lived"]);
    // Without an issue date: it was alive when it was last seen.
    expect(findings({ expiresMs: NOW + 200 * DAY })[0]).toMatchObject({ evidence: { days: 200 } });
    expect(codes({ lifetimeMs: 400 * DAY, expiresMs: NOW })).toEqual([]);
  });

  it("is its age", () => {
    expect(codes({ issuedMs: NOW - 180 * DAY, lifetimeMs: DAY })).not.toContain("credential_not_rotated");
    expect(findings({ issuedMs: NOW - 181 * DAY }).at(-1)).toMatchObject({
      code: "credential_not_rotated",
      evidence: { days: 181 },
      remedy: { kind: "command", text: "npx picket token new --id=acme" },
    });
  });

  it("of a key that the gateway keeps is mended by commands: no policy has a line for it", () => {
    const kept = meta({ roles: {}, operations: [] });
    const policy = policyOf({
      ...kept,
      authenticators: [{ ...kept.authenticators?.[0], store: { environment: null, rate: 50, windowSeconds: 1 } }],
    });
    const watch = (over: Partial<PrincipalRow>) =>
      watchOf({ row: row(over), operations: [] }, policy, { days: 7, requests: 100 });
    const of = (over: Partial<PrincipalRow>) =>
      findingsOf({ row: row(over), operations: [] }, policy, watch(over), NOW).map(({ remedy }) => remedy.text);
    expect(of({ expiresMs: null, issuedMs: NOW - 181 * DAY })).toEqual([
      "npx picket token expire --authenticator keys --id=acme --at 90d --reason='has to end'",
      "npx picket token reroll --authenticator keys --id=acme --reason='not rotated'",
    ]);
    expect(of({ scopes: "odd", lifetimeMs: DAY })[0]).toBe(
      "npx picket token new --authenticator keys --id=acme-2 --scopes='' --reason='least privilege'   # and its roles\nnpx picket token expire --authenticator keys --id=acme --at 7d --reason='replaced by acme-2'",
    );
  });

  it("is that nobody used it for a quarter, while it works", () => {
    const silent = { lastMs: NOW - 90 * DAY, firstMs: NOW - 200 * DAY };
    expect(findings(silent).find(({ code }) => code === "caller_dormant")).toMatchObject({
      remedy: {
        text: "npx picket revoke --kind principal --authenticator keys --subject=acme --reason='not seen for 90 days'",
      },
    });
    expect(codes({ ...silent, expiresMs: NOW })).toEqual([]);
    expect(codes({ ...silent, lastMs: NOW - 90 * DAY + 1 })).not.toContain("caller_dormant");
  });

  it("is that one key is used from many addresses in a day, with the bounds of the estimate", () => {
    const bits = (n: number) => ({
      addressLow: n >= 32 ? -1 : 2 ** n - 1,
      addressHigh: n >= 64 ? -1 : n > 32 ? 2 ** (n - 32) - 1 : 0,
    });
    expect(codes(bits(10))).toEqual([]);
    expect(codes(bits(11))).toEqual(["credential_shared"]);
    expect(codes(bits(11), { type: "jwt" })).toEqual([]);
    expect(findings(bits(64))[0]?.says).toBe(
      "One key was used from at least 183 addresses (more than can be told apart) on 2026-11-24. Give each place one of its own.",
    );
    expect(findings(bits(20))[0]?.says).toMatch(/from about 24 addresses \(20 to 29\) on/);
  });

  it("is scopes that open nothing", () => {
    const shape = { roles: { reader: ["by-role"] }, operations: [{ scopes: ["r"], roles: [] }] };
    const found = findings({ scopes: "r orders:* strange by-role" }, { shape });
    expect(found.map(({ code, subject }) => [code, subject])).toEqual([
      ["scope_wildcard", "orders:*"],
      ["scope_unknown", "strange"],
    ]);
  });

  it("is nothing once it is revoked, or when its authenticator is gone", () => {
    const bad = { scopes: "a b*", expiresMs: null, lastMs: NOW - 99 * DAY };
    expect(codes(bad).length).toBeGreaterThan(2);
    expect(codes({ ...bad, revoked: 1 })).toEqual([]);
    expect(codes({ ...bad, authenticator: "gone" })).toEqual([]);
  });
});

it("scopes are used, unused, missing or unknown, with what gives them", () => {
  const operations = [
    { scopes: ["r"], roles: [] },
    { scopes: ["w"], roles: [] },
    { scopes: ["g"], roles: [] },
    { scopes: ["u"], roles: [] },
  ];
  const policy = policyOf(meta({ roles: { "help desk": ["r", "u"] }, operations }));
  const caller = {
    row: row({ scopes: "r odd", roles: "help desk" }),
    operations: [called(0), called(1, { allowed: 0, refused: 4 }), called(2, { allowed: 2 })],
  };
  const grant = { id: 7, authenticator: "keys", principal: "acme", scopes: "g", reason: "", approver: "", who: "", madeMs: 1 };
  const grants = [
    { ...grant, fromMs: NOW, untilMs: NOW + 1 },
    { ...grant, id: 8, scopes: "later", fromMs: NOW + 1, untilMs: NOW + 2 },
  ];
  expect(scopeUses(caller, policy, grants, NOW).map(({ scope, state, via, requests }) => [scope, state, via, requests])).toEqual([
    ["w", "missing", [], 0],
    ["g", "used", ["grant 7"], 2],
    ["r", "used", ["credential", "role help desk"], 12_300],
    ["u", "unused", ["role help desk"], 0],
    ["odd", "unknown", ["credential"], 0],
  ]);
});

it("the owner is the key's, else the authenticator's, else nobody", async () => {
  const { meta: known } = await compiled({ roles: {}, operations: [] }, { scopes: [], roles: [] });
  const policy = policyOf(known);
  expect([ownerOf(policy, "keys", "acme"), ownerOf(policy, "keys", "other"), ownerOf(policy, "gone", "acme")]).toEqual([
    "acme's",
    "desk",
    "",
  ]);
  // A policy that an earlier Picket published says nothing of owners, keys and roles.
  const old = policyOf({
    version: 1,
    services: [],
    operations: [{ service: -1, method: "*", template: "x", scopes: [] }],
    authenticators: [{ name: "keys", type: "api-key" }],
  });
  expect(ownerOf(old, "keys", "acme")).toBe("");
  expect(readPrivilegePolicy(null).version).toBe(0);
});

it("distinct addresses lie in their interval 95 times in 100, and a full bitmap bounds them from below", () => {
  const random = seededRandom(9);
  for (const truth of [1, 3, 10, 25, 60, 120]) {
    let covered = 0;
    for (let trial = 0; trial < 1000; trial++) {
      const halves = [0, 0];
      for (let i = 0; i < truth; i++) {
        const bit = Math.floor(random.next() * 64);
        halves[bit >> 5] = (halves[bit >> 5] ?? 0) | (1 << (bit & 31));
      }
      const { low, high } = countDistinct(halves[0] ?? 0, halves[1] ?? 0);
      if (low <= truth && (high === null || truth <= high)) covered++;
    }
    expect.soft(covered / 1000, String(truth)).toBeGreaterThan(0.93);
  }
  expect(countDistinct(0, 0)).toEqual({ value: 0, low: 0, high: 0 });
  expect(countDistinct(-1, 0xffffffff)).toMatchObject({ low: 183, high: null });
});

describe("what leaves as text", () => {
  it("is CSV that reads back, and starts no formula", () => {
    const texts = fc.array(fc.array(fc.string({ unit: "grapheme" }), { minLength: 2, maxLength: 2 }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(texts, (rows) => {
        const text = csvText(rows);
        const cells = [...text.matchAll(/"((?:[^"]|"")*)"(,|\r\n)/g)].map(([, cell = ""]) => cell.replaceAll('""', '"'));
        expect(cells.length).toBe(2 * rows.length);
        for (const [i, cell] of cells.entries()) {
          const given = rows.flat()[i] ?? "";
          expect([given, `'${given}`]).toContain(cell);
          expect(cell).not.toMatch(/^\s*[=+\-@＝＋－＠]/);
        }
      }),
    );
    expect(csvText([['=cmd|"/C calc"!A0', -1, "plain"]])).toBe('"\'=cmd|""/C calc""!A0",-1,"plain"\r\n');
  });

  it("is one word of the shell", () => {
    expect([shellQuoted("a/b@c"), shellQuoted("it's $(x)"), shellQuoted("")]).toEqual(["a/b@c", "'it'\\''s $(x)'", "''"]);
  });
});

import { createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { type OverlayGrant, type OverlayRevocation, overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { compileText, loadImage, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");

/** Two token authenticators whose callers share names, and a key ring whose keys do too. `order` swaps their indices. */
const policyText = (order: readonly string[]) => `
picket: 1
services:
  - name: things
    match: { path: /things }
    upstream: http://127.0.0.1:9000
    owner: tests
    auth: [ring, one, two]
    operations: [{ method: GET, path: /things, scopes: [] }, { method: POST, path: /things, scopes: [read, write] }]
authenticators:
${order.map((name) => authenticators[name as keyof typeof authenticators]).join("\n")}
telemetry: { rowsPerDay: 100000, retainDays: 1 }
`;
const authenticators = {
  one: "  - { name: one, type: jwt, issuer: https://one.test, audience: a, keys: [{ secret: env:ONE }] }",
  two: "  - { name: two, type: jwt, issuer: https://two.test, audience: a, keys: [{ secret: env:TWO }] }",
  ring: `  - { name: ring, type: api-key, keys: [{ id: a, sha256: "${digest("key-a")}" }, { id: b, sha256: "${digest("key-b")}" }] }`,
};

let image: Uint8Array;
let reordered: Uint8Array;
beforeAll(async () => {
  image = (await compileText(policyText(["one", "two", "ring"]))).image;
  reordered = (await compileText(policyText(["ring", "two", "one"]), 2)).image;
});

/** Puts a list into the slot that is idle while an image is in force in slot 0. LOAD_*. */
function load(gateway: TestGateway, bytes: Uint8Array, slot = 1): number {
  const base = slot === 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1;
  new Uint8Array(gateway.core.memory.buffer, base, abi.IMAGE_SIZE).set(bytes);
  return gateway.core.overlay_load(slot, bytes.length);
}

interface Caller {
  authenticator: "one" | "two" | "ring";
  subject: string;
  id?: string | undefined;
  issuedS?: number | undefined;
}

const exp = nowMs / 1000 + 600;
function credentials({ authenticator, subject, id, issuedS }: Caller): (string | null)[] {
  if (authenticator === "ring") return [null, `key-${subject}`];
  const claims = { iss: `https://${authenticator}.test`, aud: "a", sub: subject, jti: id, iat: issuedS, exp };
  return [`Bearer ${signToken(claims, secretNamed(authenticator === "one" ? "env:ONE" : "env:TWO"))}`];
}

const get = (gateway: TestGateway, caller: Caller, atMs = nowMs) =>
  gateway.decide({ path: "/things", credentials: credentials(caller), nowMs: atMs }).reason;
const post = (gateway: TestGateway, caller: Caller, atMs = nowMs) =>
  gateway.decide({ method: "POST", path: "/things", credentials: credentials(caller), nowMs: atMs }).reason;

/** What the core is to say, from the words of abi.ts and nothing else. */
function isRevoked(list: readonly OverlayRevocation[], { authenticator, subject, id, issuedS }: Caller, atMs: number): boolean {
  const isKey = authenticator === "ring";
  const names: Record<string, string | undefined> = {
    issuer: "",
    principal: subject,
    token: isKey ? undefined : id,
    credential: isKey ? subject : undefined,
  };
  return list.some(
    (one) =>
      one.authenticator === authenticator &&
      one.subject === names[one.kind] &&
      atMs < one.expiresMs &&
      (isKey || issuedS === undefined || issuedS * 1000 < one.beforeMs),
  );
}

const ALWAYS = Number.POSITIVE_INFINITY;
const revocation = (over: Partial<OverlayRevocation> = {}): OverlayRevocation => ({
  kind: "principal",
  authenticator: "one",
  subject: "a",
  beforeMs: ALWAYS,
  expiresMs: ALWAYS,
  ...over,
});

const names = fc.constantFrom("a", "b", "a b", "é", "x".repeat(abi.MAX_REVOKED_SUBJECT), "x".repeat(abi.MAX_REVOKED_SUBJECT + 1));
const issued = fc.option(
  fc.integer({ min: -2, max: 2 }).map((s) => nowMs / 1000 + s),
  { nil: undefined },
);
const callers: fc.Arbitrary<Caller> = fc.oneof(
  fc.record({
    authenticator: fc.constantFrom("one" as const, "two" as const),
    subject: names,
    id: fc.option(names, { nil: undefined }),
    issuedS: issued,
  }),
  fc.record({ authenticator: fc.constant("ring" as const), subject: fc.constantFrom("a", "b") }),
);
const times = (most: number) => fc.oneof(fc.constant(ALWAYS), fc.integer({ min: nowMs - most, max: nowMs + most }));
const revocations: fc.Arbitrary<OverlayRevocation> = fc
  .record({
    kind: fc.constantFrom("token" as const, "principal" as const, "credential" as const, "issuer" as const),
    authenticator: fc.constantFrom("one", "two", "ring", "gone"),
    subject: names.filter((name) => Buffer.byteLength(name) <= abi.MAX_REVOKED_SUBJECT),
    beforeMs: times(2_000),
    expiresMs: times(3),
  })
  .map((one) => (one.kind === "issuer" ? { ...one, subject: "" } : one));

describe("revocations", () => {
  test("refuse whom a naive list refuses, before and after a change of policy", () => {
    const gateway = new TestGateway(newCore(), image);
    fc.assert(
      fc.property(fc.array(revocations, { maxLength: 12 }), fc.array(callers, { minLength: 1, maxLength: 6 }), (list, all) => {
        expect(load(gateway, overlayBytes(list, []))).toBe(abi.LOAD_OK);
        const expected = all.map((caller) => (isRevoked(list, caller, nowMs) ? abi.REASON_REVOKED : abi.REASON_NONE));
        expect(all.map((caller) => get(gateway, caller))).toEqual(expected);
        // Indices of authenticators change with the policy; their names do not.
        expect(loadImage(gateway.core, reordered, 1)).toBe(abi.LOAD_OK);
        gateway.core.image_activate(1);
        expect(all.map((caller) => get(gateway, caller))).toEqual(expected);
        expect(loadImage(gateway.core, image, 0)).toBe(abi.LOAD_OK);
        gateway.core.image_activate(0);
        expect(all.map((caller) => get(gateway, caller))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("hold a full list, each entry of it, and nobody else", () => {
    const gateway = new TestGateway(newCore(), image);
    const list = Array.from({ length: abi.MAX_REVOCATIONS }, (_, i) => revocation({ subject: `device-${i}` }));
    const grants = Array.from({ length: abi.MAX_GRANTS }, (_, i) => grant({ principal: `device-${i}` }));
    expect(load(gateway, overlayBytes(list, grants))).toBe(abi.LOAD_OK);
    for (let i = 0; i < abi.MAX_REVOCATIONS; i += 61) {
      expect(get(gateway, { authenticator: "one", subject: `device-${i}` })).toBe(abi.REASON_REVOKED);
      expect(get(gateway, { authenticator: "two", subject: `device-${i}` })).toBe(abi.REASON_NONE);
      expect(get(gateway, { authenticator: "one", subject: `other-${i}` })).toBe(abi.REASON_NONE);
    }
    expect(load(gateway, overlayBytes([...list, revocation()], []))).toBe(abi.LOAD_BAD_VALUE);
    expect(get(gateway, { authenticator: "one", subject: "device-0" })).toBe(abi.REASON_REVOKED);
  });

  test("refuse a quarantined device by its name alone, and say revoked where it is both", () => {
    const gateway = new TestGateway(newCore(), image);
    const apart = (subject: string, authenticator = "one") => revocation({ kind: "quarantine", subject, authenticator });
    const list = [apart("a"), apart("b"), apart("b", "ring"), revocation({ subject: "b" })];
    expect(load(gateway, overlayBytes(list, []))).toBe(abi.LOAD_OK);
    expect(get(gateway, { authenticator: "one", subject: "a", issuedS: exp })).toBe(abi.REASON_DEVICE_QUARANTINED);
    expect([gateway.verdict.principal, post(gateway, { authenticator: "one", subject: "a" })]).toEqual([
      "a",
      abi.REASON_DEVICE_QUARANTINED,
    ]);
    expect(get(gateway, { authenticator: "one", subject: "b" })).toBe(abi.REASON_REVOKED);
    expect(get(gateway, { authenticator: "ring", subject: "b" })).toBe(abi.REASON_DEVICE_QUARANTINED);
    expect(get(gateway, { authenticator: "two", subject: "a" })).toBe(abi.REASON_NONE);
    expect(get(gateway, { authenticator: "one", subject: "c", id: "a" })).toBe(abi.REASON_NONE);
    expect(load(gateway, overlayBytes([], []))).toBe(abi.LOAD_OK);
    expect(get(gateway, { authenticator: "one", subject: "a" })).toBe(abi.REASON_NONE);
  });

  test("say who was refused, and tell nothing to who holds a forged token", () => {
    const gateway = new TestGateway(newCore(), image);
    load(gateway, overlayBytes([revocation()], []));
    expect(get(gateway, { authenticator: "one", subject: "a" })).toBe(abi.REASON_REVOKED);
    expect(gateway.verdict.principal).toBe("a");
    const forged = signToken(
      { iss: "https://one.test", aud: "a", sub: "a", exp },
      "another-secret-that-is-long-enough-for-hs256",
    );
    expect(gateway.decide({ path: "/things", credentials: [`Bearer ${forged}`] }).reason).toBe(abi.REASON_SIGNATURE_INVALID);
    expect(get(gateway, { authenticator: "one", subject: "b" })).toBe(abi.REASON_NONE);
  });

  test("are lifted by a list without them", () => {
    const gateway = new TestGateway(newCore(), image);
    for (const list of [[revocation()], [], [revocation()], [revocation({ subject: "b" })]]) {
      expect(load(gateway, overlayBytes(list, []))).toBe(abi.LOAD_OK);
      const caller: Caller = { authenticator: "one", subject: "a" };
      expect(get(gateway, caller)).toBe(isRevoked(list, caller, nowMs) ? abi.REASON_REVOKED : abi.REASON_NONE);
    }
  });
});

function grant(over: Partial<OverlayGrant> = {}): OverlayGrant {
  return { authenticator: "one", principal: "a", scopes: ["read", "write"], fromMs: nowMs, untilMs: nowMs + 1000, ...over };
}

describe("grants", () => {
  const caller: Caller = { authenticator: "one", subject: "a" };

  test("hold from their first instant to before their last, for their principal alone", () => {
    const gateway = new TestGateway(newCore(), image);
    expect(post(gateway, caller)).toBe(abi.REASON_SCOPE_MISSING);
    load(gateway, overlayBytes([], [grant()]));
    expect([-1, 0, 999, 1000].map((ms) => post(gateway, caller, nowMs + ms))).toEqual([
      abi.REASON_SCOPE_MISSING,
      abi.REASON_NONE,
      abi.REASON_NONE,
      abi.REASON_GRANT_EXPIRED,
    ]);
    expect(post(gateway, { authenticator: "two", subject: "a" })).toBe(abi.REASON_SCOPE_MISSING);
    expect(post(gateway, { authenticator: "one", subject: "b" })).toBe(abi.REASON_SCOPE_MISSING);
  });

  test("say until a day after their end that they ended", () => {
    const gateway = new TestGateway(newCore(), image);
    load(gateway, overlayBytes([], [grant({ fromMs: 0, untilMs: nowMs - 86_400_000 })]));
    expect(post(gateway, caller, nowMs - 1)).toBe(abi.REASON_GRANT_EXPIRED);
    expect(post(gateway, caller, nowMs)).toBe(abi.REASON_SCOPE_MISSING);
  });

  test("tell the upstream the scopes that were needed, and no others", () => {
    const gateway = new TestGateway(newCore(), image);
    load(gateway, overlayBytes([], [grant({ scopes: ["other", "write"] }), grant({ scopes: ["read"] })]));
    expect(post(gateway, caller)).toBe(abi.REASON_NONE);
    expect(gateway.verdict.scopes).toBe("read write");
    const claims = { iss: "https://one.test", aud: "a", sub: "a", scope: "write x", exp };
    const token = `Bearer ${signToken(claims, secretNamed("env:ONE"))}`;
    expect(gateway.decide({ method: "POST", path: "/things", credentials: [token] }).reason).toBe(abi.REASON_NONE);
    expect(gateway.verdict.scopes).toBe("write x read");
  });

  test("suffice where a naive list says so", () => {
    const gateway = new TestGateway(newCore(), image);
    const some = fc.record({
      authenticator: fc.constantFrom("one", "two", "ring"),
      principal: fc.constantFrom("a", "b"),
      scopes: fc.subarray(["read", "write", "reader", "rea"], { minLength: 1 }),
      fromMs: fc.integer({ min: nowMs - 2, max: nowMs + 2 }),
      untilMs: fc.integer({ min: nowMs - 2, max: nowMs + 2 }),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), callers, (list, who) => {
        expect(load(gateway, overlayBytes([], list))).toBe(abi.LOAD_OK);
        const holds = (scope: string) =>
          list.some(
            (one) =>
              one.authenticator === who.authenticator &&
              one.principal === who.subject &&
              one.scopes.includes(scope) &&
              one.fromMs <= nowMs &&
              nowMs < one.untilMs,
          );
        expect(post(gateway, who) === abi.REASON_NONE).toBe(holds("read") && holds("write"));
      }),
      { numRuns: 500 },
    );
  });
});

describe("a list that is not sound", () => {
  test("never traps, and leaves the list and the policy in force untouched", () => {
    const gateway = new TestGateway(newCore(), image);
    const good = overlayBytes([revocation(), revocation({ kind: "issuer", subject: "", beforeMs: nowMs })], [grant()]);
    const mutant = fc.record({
      cut: fc.integer({ min: 0, max: good.length }),
      changes: fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(mutant, ({ cut, changes }) => {
        expect(load(gateway, good)).toBe(abi.LOAD_OK);
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const code = load(gateway, bytes.subarray(0, cut));
        const answer = get(gateway, { authenticator: "one", subject: "a" });
        const other = get(gateway, { authenticator: "one", subject: "b", issuedS: nowMs / 1000 });
        if (code !== abi.LOAD_OK) expect([answer, other]).toEqual([abi.REASON_REVOKED, abi.REASON_NONE]);
        post(gateway, { authenticator: "one", subject: "a" });
      }),
      { numRuns: 3000 },
    );
  });

  test("cannot be read from the slot in force, nor be activated as an image", () => {
    const gateway = new TestGateway(newCore(), image);
    expect(gateway.core.overlay_load(0, 16)).toBe(abi.LOAD_BAD_LENGTH);
    expect(gateway.core.overlay_load(2, 16)).toBe(abi.LOAD_BAD_LENGTH);
    expect(loadImage(gateway.core, reordered, 1)).toBe(abi.LOAD_OK);
    expect(load(gateway, overlayBytes([revocation()], []))).toBe(abi.LOAD_OK);
    gateway.core.image_activate(1);
    expect(get(gateway, { authenticator: "one", subject: "b" })).toBe(abi.REASON_NONE);
  });
});

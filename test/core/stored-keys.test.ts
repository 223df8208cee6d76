import { createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { type KeyFacts, writeKeyFacts } from "../../worker/engine/key-facts.ts";
import { overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { readVerification } from "../../worker/engine/verification-record.ts";
import { makeKey } from "../../worker/policy/key-format.ts";
import { networkBytes, readNetwork } from "../../worker/policy/network.ts";
import { compileText, loadImage, newCore, nowMs, TestGateway } from "./core-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest();
let drawn = 0;
const draw = (length: number) => createHash("sha256").update(String(drawn++)).digest().subarray(0, length);
const newKey = (env = "live") => makeKey(env, draw);

const policyText = (names: readonly string[]) => `
picket: 1
services:
  - { name: s, match: { path: / }, upstream: "http://127.0.0.1:1", owner: o, auth: [ring], operations: [{ method: GET, path: /x, scopes: [read] }] }
  - { name: t, match: { path: /t }, upstream: "http://127.0.0.1:1", owner: o, auth: [plain], operations: [GET /t] }
  - { name: u, match: { path: /u }, upstream: "http://127.0.0.1:1", owner: o, auth: [other], operations: [GET /u] }
roles: { reader: [read] }
authenticators:
${names.map((name) => authenticators[name as "ring"]).join("\n")}
`;
const authenticators = {
  ring: "  - { name: ring, type: api-key, stored: true, environment: live, lookups: { rate: 1000000/1s, burst: 100000 } }",
  other: "  - { name: other, type: api-key, header: X-Other, stored: true, lookups: { rate: 2/1m, burst: 3 } }",
  plain: `  - { name: plain, type: api-key, header: X-Plain, keys: [{ id: p, sha256: "${"ab".repeat(32)}" }] }`,
};

let image: Uint8Array;
let reordered: Uint8Array;
beforeAll(async () => {
  image = (await compileText(policyText(["ring", "other", "plain"]))).image;
  reordered = (await compileText(policyText(["plain", "ring", "other"]), 2)).image;
});

const facts = (key: string, over: Partial<KeyFacts> = {}): KeyFacts => ({
  authenticator: 0,
  digest: digest(key),
  id: "acme",
  kind: abi.KIND_PARTNER,
  scopes: "read write",
  roles: 0,
  networks: new Uint8Array(0),
  madeMs: nowMs - 1000,
  expiresMs: null,
  readMs: nowMs,
  ...over,
});

function learn(gateway: TestGateway, one: KeyFacts): number {
  return writeKeyFacts(gateway.core.memory, one) ? gateway.core.key_learn() : -1;
}

function refuse(gateway: TestGateway, key: string, reason: number, atMs: number, authenticator = 0): void {
  new Uint8Array(gateway.core.memory.buffer, abi.SCRATCH, 32).set(digest(key));
  gateway.core.key_refuse(authenticator, reason, atMs);
}

/** REASON_*, or VERIFICATION_NEEDED. The key's header has another slot in each of the two policies. */
function get(gateway: TestGateway, key: string, atMs = nowMs, address = "192.0.2.1"): number {
  const { verdict, reason } = gateway.decide({ path: "/x", credentials: [null, key, key], nowMs: atMs, address });
  return verdict === abi.VERDICT_VERIFY ? abi.VERIFICATION_NEEDED : reason;
}

describe("a key that the policy does not hold", () => {
  test("is asked for by its SHA-256, told, and then known", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    expect(get(gateway, key)).toBe(abi.VERIFICATION_NEEDED);
    const asked = readVerification(gateway.core.memory);
    expect(asked).toMatchObject({ authenticator: 0, algorithm: abi.VERIFY_STORED_KEY, slot: 1, kid: null });
    expect(Buffer.from(asked.input).toString("hex")).toBe(digest(key).toString("hex"));
    expect(learn(gateway, facts(key))).toBe(abi.REASON_NONE);
    expect(get(gateway, key)).toBe(abi.REASON_NONE);
    expect([gateway.verdict.principal, gateway.verdict.scopes]).toEqual(["acme", "read write"]);
  });

  test("is not asked for when it is no key of ours, of another environment, or the authenticator keeps none", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    for (const junk of ["acme-key", "pk_live_x", `${key}x`, key.replace(/.$/, key.endsWith("0") ? "1" : "0"), newKey("test")]) {
      expect([junk, get(gateway, junk)]).toEqual([junk, abi.REASON_API_KEY_UNKNOWN]);
    }
    expect(gateway.decide({ path: "/t", credentials: [null, null, null, key] }).reason).toBe(abi.REASON_API_KEY_UNKNOWN);
  });

  test("costs its address a look-up, and one that was refused lately costs none", () => {
    const gateway = new TestGateway(newCore(), image);
    const ask = (key: string, address: string) => gateway.decide({ path: "/u", address, credentials: [null, null, key] });
    const keys = Array.from({ length: 5 }, () => newKey());
    const verdicts = keys.map((key) => ask(key, "192.0.2.7").verdict);
    const { VERDICT_VERIFY: verify, VERDICT_REFUSE: refused } = abi;
    expect(verdicts).toEqual([verify, verify, verify, refused, refused]);
    expect(gateway.verdict.reason).toBe(abi.REASON_VERIFICATION_LIMITED);
    expect(ask(keys[0] as string, "192.0.2.8").verdict).toBe(verify);
    refuse(gateway, keys[0] as string, abi.REASON_API_KEY_UNKNOWN, nowMs, 1);
    expect(ask(keys[0] as string, "192.0.2.7").reason).toBe(abi.REASON_API_KEY_UNKNOWN);
  });

  test("is judged by roles, networks and expiry as one of the policy's", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    const learnt = (over: Partial<KeyFacts>) => learn(gateway, facts(key, over));
    learnt({ scopes: "" });
    expect(get(gateway, key)).toBe(abi.REASON_SCOPE_MISSING);
    learnt({ scopes: "", roles: 1 });
    expect(get(gateway, key)).toBe(abi.REASON_NONE);
    const network = readNetwork("198.51.100.0/24");
    learnt({ networks: network.ok ? networkBytes([network.value]) : new Uint8Array(1) });
    expect(get(gateway, key)).toBe(abi.REASON_ADDRESS_NOT_ALLOWED);
    expect(get(gateway, key, nowMs, "198.51.100.1")).toBe(abi.REASON_NONE);
    learnt({ expiresMs: nowMs + 5 });
    expect([4, 5].map((ms) => get(gateway, key, nowMs + ms))).toEqual([abi.REASON_NONE, abi.REASON_API_KEY_EXPIRED]);
  });
});

describe("what is known of a key", () => {
  // Everything that the core is told, against a naive account of what it may still say.
  type Step =
    | { act: "learn"; key: number; readMs: number; expiresMs: number | null; madeMs: number }
    | { act: "refuse"; key: number; reason: number }
    | { act: "revoke"; beforeMs: number; untilMs: number }
    | { act: "publish" }
    | { act: "pass"; ms: number }
    | { act: "ask"; key: number };

  const age = fc.integer({ min: 0, max: 70_000 });
  const which = fc.nat(2);
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ act: fc.constant("ask" as const), key: which }) },
    {
      weight: 3,
      arbitrary: fc.record({
        act: fc.constant("learn" as const),
        key: which,
        readMs: age,
        expiresMs: fc.option(fc.integer({ min: -1000, max: 90_000 })),
        madeMs: fc.integer({ min: 0, max: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        act: fc.constant("refuse" as const),
        key: which,
        reason: fc.constantFrom(abi.REASON_API_KEY_UNKNOWN, abi.REASON_REVOKED, abi.REASON_KEYS_UNAVAILABLE),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        act: fc.constant("revoke" as const),
        beforeMs: fc.integer({ min: 0, max: 4 }),
        untilMs: fc.integer({ min: 0, max: 90_000 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ act: "publish" as const }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant("pass" as const), ms: fc.integer({ min: -2_000, max: 40_000 }) }) },
  );

  interface Known {
    readMs: number;
    expiresMs: number | null;
    madeMs: number;
  }

  test("never outlives a minute, its expiry, a policy, a refusal or a revocation", () => {
    const keys = [newKey(), newKey(), newKey()];
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const gateway = new TestGateway(newCore(), image);
        let slot = 0;
        let clockMs = nowMs;
        const known = new Map<number, Known>();
        const refused = new Map<number, { reason: number; atMs: number; untilMs: number }>();
        let revoked: { beforeMs: number; untilMs: number } | null = null;
        for (const one of steps) {
          if (one.act === "pass") clockMs += one.ms;
          if (one.act === "learn") {
            const fact: Known = {
              readMs: clockMs - one.readMs,
              expiresMs: one.expiresMs === null ? null : clockMs + one.expiresMs,
              madeMs: nowMs + one.madeMs,
            };
            const index = slot === 0 ? 0 : 1;
            expect(learn(gateway, facts(keys[one.key] as string, { ...fact, authenticator: index }))).toBe(abi.REASON_NONE);
            const before = known.get(one.key);
            if (before === undefined || before.readMs <= fact.readMs) known.set(one.key, fact);
          }
          if (one.act === "refuse") {
            const isAway = one.reason === abi.REASON_KEYS_UNAVAILABLE;
            refuse(gateway, keys[one.key] as string, one.reason, clockMs, slot === 0 ? 0 : 1);
            if (!isAway) known.delete(one.key);
            refused.set(one.key, { reason: one.reason, atMs: clockMs, untilMs: isAway ? clockMs : clockMs + 5_000 });
          }
          if (one.act === "publish") {
            slot ^= 1;
            expect(loadImage(gateway.core, slot === 0 ? image : reordered, slot)).toBe(abi.LOAD_OK);
            gateway.core.image_activate(slot);
            known.clear();
            refused.clear();
          }
          if (one.act === "revoke") {
            revoked = { beforeMs: nowMs + one.beforeMs, untilMs: clockMs + one.untilMs };
            const entry = { kind: "credential", authenticator: "ring", subject: "acme" } as const;
            const bytes = overlayBytes([{ ...entry, beforeMs: revoked.beforeMs, expiresMs: revoked.untilMs }], []);
            new Uint8Array(gateway.core.memory.buffer, slot === 0 ? abi.IMAGE_SLOT_1 : abi.IMAGE_SLOT_0, bytes.length).set(bytes);
            expect(gateway.core.overlay_load(slot ^ 1, bytes.length)).toBe(abi.LOAD_OK);
          }
          if (one.act !== "ask") continue;
          const fact = known.get(one.key);
          const said = refused.get(one.key);
          const holds = fact !== undefined && clockMs >= fact.readMs && clockMs < fact.readMs + 60_000;
          const isRefused = said !== undefined && clockMs <= said.untilMs && clockMs >= said.untilMs - 5_000;
          const expected = holds
            ? fact.expiresMs !== null && clockMs >= fact.expiresMs
              ? abi.REASON_API_KEY_EXPIRED
              : revoked !== null && clockMs < revoked.untilMs && fact.madeMs < revoked.beforeMs
                ? abi.REASON_REVOKED
                : abi.REASON_NONE
            : isRefused
              ? said.reason
              : abi.VERIFICATION_NEEDED;
          expect(get(gateway, keys[one.key] as string, clockMs)).toBe(expected);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("is read anew while it serves: one request in five seconds is told to", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    learn(gateway, facts(key));
    const told: number[] = [];
    for (let ms = 0; ms < 60_000; ms += 500) {
      expect(get(gateway, key, nowMs + ms)).toBe(abi.REASON_NONE);
      if (!gateway.verdict.keyAges) continue;
      told.push(ms);
      expect(Buffer.from(readVerification(gateway.core.memory).input).equals(digest(key))).toBe(true);
    }
    expect(told).toEqual([30_000, 35_000, 40_000, 45_000, 50_000, 55_000]);
    learn(gateway, facts(key, { readMs: nowMs + 59_000 }));
    expect([get(gateway, key, nowMs + 60_000), gateway.verdict.keyAges]).toEqual([abi.REASON_NONE, false]);
  });

  test("ends with its minute, and is not taken from a clock that was set back", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    learn(gateway, facts(key));
    const { REASON_NONE: known, VERIFICATION_NEEDED: unknown } = abi;
    expect([-1, 0, 59_999, 60_000].map((ms) => get(gateway, key, nowMs + ms))).toEqual([unknown, known, known, unknown]);
  });

  test("is not taken back to what was read before", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    learn(gateway, facts(key, { readMs: nowMs, scopes: "" }));
    learn(gateway, facts(key, { readMs: nowMs - 1 }));
    expect(get(gateway, key)).toBe(abi.REASON_SCOPE_MISSING);
  });

  test("has its bound, and what had to go is counted and asked for anew", () => {
    const gateway = new TestGateway(newCore(), image);
    const keys = Array.from({ length: abi.KEY_FACT_ENTRIES * 2 }, () => newKey());
    for (const [i, key] of keys.entries()) learn(gateway, facts(key, { id: `k${i}`, readMs: nowMs + i / 1000 }));
    const atMs = nowMs + keys.length / 1000;
    const answers = keys.map((key, i) => {
      const reason = get(gateway, key, atMs);
      if (reason === abi.REASON_NONE) expect(gateway.verdict.principal).toBe(`k${i}`);
      return reason;
    });
    const known = answers.filter((reason) => reason === abi.REASON_NONE).length;
    expect(answers.filter((reason) => reason === abi.VERIFICATION_NEEDED).length).toBe(keys.length - known);
    expect(known).toBeGreaterThan(abi.KEY_FACT_ENTRIES * 0.9);
    expect(known).toBeLessThanOrEqual(abi.KEY_FACT_ENTRIES);
    expect(gateway.core.key_evictions()).toBe(keys.length - known);
  });

  test("must be sound, and be of an authenticator that keeps keys", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    const raw = (change: (view: DataView) => void) => {
      writeKeyFacts(gateway.core.memory, facts(key));
      change(new DataView(gateway.core.memory.buffer, abi.SCRATCH, abi.KEY_FACT_SIZE));
      return gateway.core.key_learn();
    };
    const fields: [number, number[]][] = [
      [abi.KEY_FACT_ID_LENGTH, [0, 65, -1]],
      [abi.KEY_FACT_SCOPES_LENGTH, [217, -1]],
      [abi.KEY_FACT_NETWORKS_LENGTH, [1, 16, 9 * abi.NETWORK_SIZE, -1]],
      [abi.KEY_FACT_KIND, [6, -1]],
    ];
    for (const [field, values] of fields) {
      for (const value of values) {
        expect([field, value, raw((view) => view.setInt32(field, value, true))]).toEqual([
          field,
          value,
          abi.REASON_API_KEY_UNKNOWN,
        ]);
      }
    }
    for (const bad of [Number.NaN, -1]) {
      expect(raw((view) => view.setFloat64(abi.KEY_FACT_EXPIRES_MS, bad, true))).toBe(abi.REASON_API_KEY_UNKNOWN);
    }
    for (const bad of [Number.NaN, -1, 0]) {
      expect(raw((view) => view.setFloat64(abi.KEY_FACT_READ_MS, bad, true))).toBe(abi.REASON_API_KEY_UNKNOWN);
    }
    for (const index of [2, 3, -1]) expect(learn(gateway, facts(key, { authenticator: index }))).toBe(abi.REASON_POLICY_MISSING);
    expect(learn(gateway, facts(key, { id: "é".repeat(33) }))).toBe(-1);
    expect(learn(gateway, facts(key, { scopes: "s".repeat(217) }))).toBe(-1);
    expect(get(gateway, key)).toBe(abi.VERIFICATION_NEEDED);
    expect(learn(new TestGateway(newCore(), null), facts(key))).toBe(abi.REASON_POLICY_MISSING);
  });
});

describe("a key in the query", () => {
  const inQuery = (gateway: TestGateway, path: string, credentials: (string | null)[], flags = abi.FLAG_KEY_IN_QUERY) =>
    gateway.decide({ path, credentials, flags });

  test("is no credential, is why there is none, and is shown where the request passes otherwise", () => {
    const gateway = new TestGateway(newCore(), image);
    const key = newKey();
    learn(gateway, facts(key));
    const { VERDICT_REFUSE, VERDICT_SHADOW, VERDICT_ALLOW, REASON_CREDENTIAL_IN_QUERY: reason } = abi;
    expect(inQuery(gateway, "/x", [])).toMatchObject({ verdict: VERDICT_REFUSE, reason });
    expect(inQuery(gateway, "/x", [null, key])).toMatchObject({ verdict: VERDICT_SHADOW, reason });
    expect(inQuery(gateway, "/undocumented", [null, key])).toMatchObject({ verdict: VERDICT_SHADOW, reason });
    expect(inQuery(gateway, "/x", [null, key], 0)).toMatchObject({ verdict: VERDICT_ALLOW, reason: abi.REASON_NONE });
    expect(inQuery(gateway, "/x", [null, "other"])).toMatchObject({
      verdict: VERDICT_REFUSE,
      reason: abi.REASON_API_KEY_UNKNOWN,
    });
  });
});

import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { type OverlayExemption, overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { readExemptNetwork } from "../../worker/policy/exempt-network.ts";
import { nameHash } from "../../worker/policy/lower-limits.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";

/** `own` counts by principal, `place` by address, `all` together, `quiet` as `own` in shadow mode. */
const limits = { own: 2, place: 3, all: 5, quiet: 1 } as const;
type Limit = keyof typeof limits;
const limitNames = Object.keys(limits) as Limit[];
const INTERVAL_MS = 1000;

const policyText = (used: readonly Limit[]) => `
picket: 1
services:
  - name: things
    match: { path: /things }
    upstream: http://127.0.0.1:9000
    auth: [one, two]
    limits: [${used.join(", ")}]
    operations: ["GET /things"]
authenticators:
  - { name: one, type: jwt, issuer: https://one.test, audience: a, keys: [{ secret: env:ONE }] }
  - { name: two, type: jwt, issuer: https://two.test, audience: a, keys: [{ secret: env:TWO }] }
limits:
  - { name: own, by: principal, rate: 1/1s, burst: ${limits.own} }
  - { name: place, by: address, rate: 1/1s, burst: ${limits.place} }
  - { name: all, by: service, rate: 1/1s, burst: ${limits.all} }
  - { name: quiet, by: principal, rate: 1/1s, burst: ${limits.quiet}, mode: shadow }
`;

const images = new Map<string, Uint8Array>();
beforeAll(async () => {
  for (const used of [...limitNames.map((one) => [one]), ["own", "all"] as const, limitNames]) {
    images.set(used.join(), (await compileText(policyText(used))).image);
  }
});
function gatewayOf(...used: Limit[]): TestGateway {
  return new TestGateway(newCore(), images.get(used.join()) ?? new Uint8Array());
}

function load(gateway: TestGateway, bytes: Uint8Array): number {
  new Uint8Array(gateway.core.memory.buffer, abi.IMAGE_SLOT_1, abi.IMAGE_SIZE).set(bytes);
  return gateway.core.overlay_load(1, bytes.length);
}
const exempted = (gateway: TestGateway, ...list: OverlayExemption[]) =>
  expect(load(gateway, overlayBytes([], [], list))).toBe(abi.LOAD_OK);

interface Caller {
  authenticator: string;
  subject: string;
  address: Address;
}

/** `value` as RFC 4291 counts it, IPv4 as IPv4-mapped; null = no address. `key`: who counts together. */
interface Address {
  text: string | null;
  value: bigint | null;
  key: string;
}
const v4 = (a: number, b: number, c: number, d: number): bigint =>
  (0xffffn << 32n) | BigInt(((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
const v6 = (high: bigint, low: bigint): bigint => (high << 64n) | low;
const addresses: Address[] = [
  { text: "203.0.113.7", value: v4(203, 0, 113, 7), key: "203.0.113.7" },
  { text: "::ffff:203.0.113.7", value: v4(203, 0, 113, 7), key: "203.0.113.7" },
  { text: "::FFFF:CB00:7107", value: v4(203, 0, 113, 7), key: "203.0.113.7" },
  { text: "203.0.113.8", value: v4(203, 0, 113, 8), key: "203.0.113.8" },
  { text: "203.0.112.7", value: v4(203, 0, 112, 7), key: "203.0.112.7" },
  { text: "2001:db8:0:1::5", value: v6(0x20010db800000001n, 5n), key: "2001:db8:0:1" },
  { text: "2001:DB8::1:0:0:0:6", value: v6(0x20010db800000001n, 6n), key: "2001:db8:0:1" },
  { text: "2001:db8:0:2::5", value: v6(0x20010db800000002n, 5n), key: "2001:db8:0:2" },
  { text: "::2", value: 2n, key: "::" },
  { text: "unknown", value: null, key: "text unknown" },
  { text: null, value: null, key: "none" },
];
const networks: Record<string, { first: bigint; prefix: number }> = {
  "203.0.113.7": { first: v4(203, 0, 113, 7), prefix: 128 },
  "203.0.113.0/24": { first: v4(203, 0, 113, 0), prefix: 120 },
  "::ffff:203.0.112.0/120": { first: v4(203, 0, 112, 0), prefix: 120 },
  "203.0.112.0/23": { first: v4(203, 0, 112, 0), prefix: 119 },
  "2001:db8:0:1::/64": { first: v6(0x20010db800000001n, 0n), prefix: 64 },
  "2001:db8:0:1::5": { first: v6(0x20010db800000001n, 5n), prefix: 128 },
  "2001:db8::/62": { first: v6(0x20010db800000000n, 0n), prefix: 62 },
  "::/16": { first: 0n, prefix: 16 },
};

interface Exemption {
  authenticator: string;
  /** A principal, or one of `networks`. */
  subject: string;
  limit: Limit | "gone" | null;
  untilMs: number;
}

function entryOf({ authenticator, subject, limit, untilMs }: Exemption): OverlayExemption {
  const hash = limit === null ? null : nameHash(limit);
  return { authenticator, subject: authenticator === "" ? networkBytes(subject) : subject, limit: hash, untilMs };
}

function networkBytes(text: string): Uint8Array {
  const read = readExemptNetwork(text);
  if (!read.ok) throw new Error(read.code);
  return Uint8Array.from(Buffer.from(read.value.hex, "hex"));
}

/** What the core is to say, from the words of abi.ts and nothing else. */
function isExempt(list: readonly Exemption[], caller: Caller, limit: Limit, atMs: number): boolean {
  return list.some((one) => {
    if (atMs >= one.untilMs || (one.limit !== null && one.limit !== limit)) return false;
    return one.authenticator === ""
      ? isInside(one.subject, caller.address.value)
      : one.authenticator === caller.authenticator && one.subject === caller.subject;
  });
}

function isInside(text: string, value: bigint | null): boolean {
  const { first, prefix } = networks[text] ?? { first: 0n, prefix: 0 };
  if (value === null || (value >> 32n === 0xffffn && prefix < 96)) return false;
  return value >> BigInt(128 - prefix) === first >> BigInt(128 - prefix);
}

/** Buckets of the four limits by their keys, by exact arithmetic. */
class Reference {
  readonly #arrivals = new Map<string, number>();
  readonly #list: readonly Exemption[];
  constructor(list: readonly Exemption[]) {
    this.#list = list;
  }

  decide(caller: Caller, atMs: number): { verdict: number; reason: number } {
    const asked = limitNames.map((limit) => ({ limit, key: `${limit} ${keyOf(limit, caller)}` }));
    const refusing = asked.filter(({ limit, key }) => this.#arrival(key, atMs) - atMs > (limits[limit] - 1) * INTERVAL_MS);
    const counting = refusing.filter(({ limit }) => !isExempt(this.#list, caller, limit, atMs));
    if (counting.some(({ limit }) => limit !== "quiet")) return { verdict: abi.VERDICT_REFUSE, reason: abi.REASON_RATE_LIMITED };
    for (const { key } of asked.filter((one) => !refusing.includes(one))) {
      this.#arrivals.set(key, this.#arrival(key, atMs) + INTERVAL_MS);
    }
    if (counting.length > 0) return { verdict: abi.VERDICT_SHADOW, reason: abi.REASON_RATE_LIMITED };
    return { verdict: abi.VERDICT_ALLOW, reason: abi.REASON_NONE };
  }

  #arrival(key: string, atMs: number): number {
    return Math.max(this.#arrivals.get(key) ?? 0, atMs);
  }
}

function keyOf(limit: Limit, { authenticator, subject, address }: Caller): string {
  if (limit === "all") return "";
  return limit === "place" ? address.key : `${authenticator} ${subject}`;
}

const tokens = new Map<string, string>();
function bearer({ authenticator, subject }: Caller): string {
  const name = `${authenticator} ${subject}`;
  const secret = secretNamed(authenticator === "one" ? "env:ONE" : "env:TWO");
  const claims = { iss: `https://${authenticator}.test`, aud: "a", sub: subject, exp: nowMs / 1000 + 86_400 };
  const token = tokens.get(name) ?? `Bearer ${signToken(claims, secret)}`;
  tokens.set(name, token);
  return token;
}

function send(gateway: TestGateway, caller: Caller, atMs = nowMs): { verdict: number; reason: number } {
  const { address } = caller;
  const request = { path: "/things", address: address.text, credentials: [bearer(caller)], nowMs: atMs };
  const { verdict, reason } = gateway.decide(request);
  return { verdict, reason };
}

const PASSED = { verdict: abi.VERDICT_ALLOW, reason: abi.REASON_NONE };
const LIMITED = { verdict: abi.VERDICT_REFUSE, reason: abi.REASON_RATE_LIMITED };
const [home, , , neighbour] = addresses as [Address, Address, Address, Address];
const anna: Caller = { authenticator: "one", subject: "a", address: home };
const always: Exemption = { authenticator: "one", subject: "a", limit: null, untilMs: nowMs + 3_600_000 };

const subjects = fc.constantFrom("a", "b", "é", "x".repeat(abi.MAX_REVOKED_SUBJECT), "x".repeat(abi.MAX_REVOKED_SUBJECT - 1));
const callers: fc.Arbitrary<Caller> = fc.record({
  authenticator: fc.constantFrom("one", "two"),
  subject: subjects,
  address: fc.constantFrom(...addresses),
});
const common = {
  limit: fc.constantFrom(null, "gone" as const, ...limitNames),
  untilMs: fc.integer({ min: nowMs - 1, max: nowMs + 3000 }),
};
const exemptions: fc.Arbitrary<Exemption> = fc.oneof(
  fc.record({ authenticator: fc.constantFrom("one", "two", "on", "gone"), subject: subjects, ...common }),
  fc.record({ authenticator: fc.constant(""), subject: fc.constantFrom(...Object.keys(networks)), ...common }),
);

test("whom a naive list exempts no such limit refuses; all others are held and charged as if there were no list", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(exemptions, { maxLength: 6 }),
      fc.array(callers, { minLength: 1, maxLength: 3 }),
      fc.array(fc.record({ caller: fc.nat(2), waitMs: fc.constantFrom(0, 0, 0, 1, 250, 999, 1000) }), { maxLength: 40 }),
      (list, all, schedule) => {
        const gateway = gatewayOf(...limitNames);
        exempted(gateway, ...list.map(entryOf));
        const reference = new Reference(list);
        let atMs = nowMs;
        for (const step of schedule) {
          atMs += step.waitMs;
          const caller = all[step.caller % all.length] ?? anna;
          const expected = reference.decide(caller, atMs);
          expect(send(gateway, caller, atMs)).toEqual(expected);
          const names = limitNames.filter((limit) => isExempt(list, caller, limit, atMs));
          seen.add(`${expected.verdict} ${names.length > 0 ? "exempt" : "held"}`);
        }
      },
    ),
    { numRuns: 400 },
  );
  expect(seen.size).toBe(6);
});

describe("an exemption", () => {
  test("ends at its instant, and no earlier", () => {
    const gateway = gatewayOf("own");
    exempted(gateway, entryOf({ ...always, untilMs: nowMs + 10 }));
    expect([0, 0, 9, 9].map((ms) => send(gateway, anna, nowMs + ms))).toEqual(Array(4).fill(PASSED));
    expect([10, 11].map((ms) => send(gateway, anna, nowMs + ms))).toEqual([LIMITED, LIMITED]);
  });

  test("is of one principal of one authenticator, byte for byte", () => {
    const gateway = gatewayOf("own");
    exempted(gateway, entryOf(always));
    const others = [
      { ...anna, authenticator: "two" },
      { ...anna, subject: "ab" },
      { ...anna, subject: "A" },
      { ...anna, subject: "aa" },
    ];
    for (const caller of others) {
      expect([0, 1, 2].map(() => send(gateway, caller))).toEqual([PASSED, PASSED, LIMITED]);
    }
    expect(Array.from({ length: 9 }, () => send(gateway, anna))).toEqual(Array(9).fill(PASSED));
  });

  test("exempts nobody whose name has the same hash and other bytes", () => {
    const gateway = gatewayOf("own");
    exempted(gateway, entryOf({ ...always, subject: "collides" }));
    // No two such names are known: the one that the list's entry keeps is changed under its hash.
    const kept = abi.OVERLAY_SLOT_0 + abi.OVERLAY_EXEMPTIONS + abi.ENTRY_TEXT;
    const text = new Uint8Array(gateway.core.memory.buffer, kept, 11);
    expect(Buffer.from(text).toString()).toBe("onecollides");
    const caller = { ...anna, subject: "collides" };
    for (const at of [0, 3, 10]) {
      const byte = text[at] ?? 0;
      text[at] = byte ^ 1;
      expect([0, 1, 2].map(() => send(gateway, caller)).at(-1)).toEqual(LIMITED);
      text[at] = byte;
      expect(send(gateway, caller)).toEqual(PASSED);
    }
  });

  test("from one limit leaves the others: nothing is charged where one of them refuses", () => {
    const gateway = gatewayOf("own", "all");
    exempted(gateway, entryOf({ ...always, limit: "own" }));
    expect(Array.from({ length: 6 }, () => send(gateway, anna))).toEqual([...Array(5).fill(PASSED), LIMITED]);
    expect(gateway.verdict.retryMs).toBe(INTERVAL_MS);
    expect(send(gateway, anna, nowMs + INTERVAL_MS)).toEqual(PASSED);
  });

  test("is from each window of the limit that it names", async () => {
    const text = policyText(["own", "all"]).replace(/by: principal, rate: 1\/1s, burst: 2/, "by: principal, rate: [1/1s, 3/1h]");
    const gateway = new TestGateway(newCore(), (await compileText(text)).image);
    const answers = (caller: Caller, from: number) => [0, 1, 2, 3, 4].map((i) => send(gateway, caller, from + 5000 * i));
    exempted(gateway, entryOf({ ...always, limit: "own" }));
    expect([answers(anna, nowMs), answers({ ...anna, subject: "b" }, nowMs + 60_000)]).toEqual([
      Array(5).fill(PASSED),
      [PASSED, PASSED, PASSED, LIMITED, LIMITED],
    ]);
  });

  test("is not told as what shadow mode would refuse", () => {
    const gateway = gatewayOf("quiet");
    exempted(gateway, entryOf(always));
    expect([0, 1].map(() => send(gateway, anna))).toEqual([PASSED, PASSED]);
    expect([0, 1].map(() => send(gateway, { ...anna, subject: "b" }).verdict)).toEqual([abi.VERDICT_ALLOW, abi.VERDICT_SHADOW]);
  });

  test("of a network holds for a preflight, which nobody has authenticated; of a principal it does not", () => {
    const preflight = { method: "OPTIONS", path: "/things", address: home.text, flags: abi.FLAG_PREFLIGHT };
    const reasons = (one: Exemption) => {
      const gateway = gatewayOf("place");
      exempted(gateway, entryOf(one));
      return Array.from({ length: 4 }, () => gateway.decide(preflight).reason);
    };
    const none = abi.REASON_NONE;
    expect(reasons({ ...always, authenticator: "", subject: "203.0.113.7" })).toEqual([none, none, none, none]);
    expect(reasons(always)).toEqual([none, none, none, abi.REASON_RATE_LIMITED]);
  });

  test("is over with a list without it, and outlives a policy that renumbers", async () => {
    const gateway = gatewayOf("own");
    exempted(gateway, entryOf({ ...always, limit: "own" }));
    const { image } = await compileText(policyText(["all", "own"]).replace(/(.*name: one,.*\n)(.*name: two,.*\n)/, "$2$1"), 2);
    new Uint8Array(gateway.core.memory.buffer, abi.IMAGE_SLOT_1, image.length).set(image);
    expect(gateway.core.image_load(1, image.length)).toBe(abi.LOAD_OK);
    gateway.core.image_activate(1);
    expect([0, 1, 2].map(() => send(gateway, anna))).toEqual([PASSED, PASSED, PASSED]);
    const empty = overlayBytes([], []);
    new Uint8Array(gateway.core.memory.buffer, abi.IMAGE_SLOT_0, empty.length).set(empty);
    expect(gateway.core.overlay_load(0, empty.length)).toBe(abi.LOAD_OK);
    expect(send(gateway, anna)).toEqual(LIMITED);
  });
});

describe("a list", () => {
  const numbered = (i: number): Exemption => ({ ...always, subject: `${i}-`.padEnd(abi.MAX_REVOKED_SUBJECT, "x") });

  test("holds as many as there may be, of the longest names, and each counts", () => {
    const gateway = gatewayOf("own");
    const full = Array.from({ length: abi.MAX_EXEMPTIONS }, (_, i) => entryOf({ ...numbered(i), limit: "own" }));
    exempted(gateway, ...full);
    for (const i of [0, 1, 127, 255]) {
      const caller = { ...anna, subject: numbered(i).subject };
      expect([0, 1, 2].map(() => send(gateway, caller))).toEqual([PASSED, PASSED, PASSED]);
    }
    const other = { ...anna, subject: numbered(256).subject };
    expect([0, 1, 2].map(() => send(gateway, other))).toEqual([PASSED, PASSED, LIMITED]);
    expect(load(gateway, overlayBytes([], [], [...full, entryOf(always)]))).toBe(abi.LOAD_BAD_VALUE);
    const places = full.map((one, i) => ({ ...one, authenticator: "", subject: networkBytes(`198.51.100.${i}`) }));
    exempted(gateway, ...places.slice(1), entryOf({ ...always, authenticator: "", subject: "203.0.113.7" }));
    expect(send(gateway, other)).toEqual(PASSED);
    expect(send(gateway, { ...other, address: neighbour })).toEqual(LIMITED);
  });

  test("that is shorter than the one before it in the same slot leaves nothing of that one", () => {
    const gateway = gatewayOf("own");
    const place = (subject: string) => entryOf({ ...always, authenticator: "", subject });
    exempted(gateway, place("2001:db8::/62"), place("203.0.113.7"));
    exempted(gateway);
    exempted(gateway, place("2001:db8::/62"));
    expect([0, 1, 2].map(() => send(gateway, anna))).toEqual([PASSED, PASSED, LIMITED]);
  });

  test.each<[string, Partial<OverlayExemption>]>([
    ["that never ends", { untilMs: Number.POSITIVE_INFINITY }],
    ["whose end is no number", { untilMs: Number.NaN }],
    ["whose end is 0", { untilMs: 0 }],
    ["of a principal without a name", { subject: "" }],
    ["of a network of 16 bytes", { authenticator: "", subject: new Uint8Array(16) }],
    ["of two networks", { authenticator: "", subject: new Uint8Array(34) }],
    ["of a network with a prefix of 129", { authenticator: "", subject: new Uint8Array(17).fill(129, 16) }],
    ["of a name that is too long", { subject: "x".repeat(abi.MAX_REVOKED_SUBJECT + 1) }],
  ])("with one %s is refused", (_, over) => {
    const gateway = gatewayOf("own");
    expect(load(gateway, overlayBytes([], [], [{ ...entryOf(always), ...over }]))).toBe(abi.LOAD_BAD_REFERENCE);
  });

  test("that is not sound never traps, and leaves the one in force untouched", () => {
    const good = overlayBytes(
      [{ kind: "principal", authenticator: "two", subject: "b", beforeMs: Number.POSITIVE_INFINITY, expiresMs: nowMs * 2 }],
      [{ authenticator: "one", principal: "a", scopes: ["x"], fromMs: 0, untilMs: nowMs * 2 }],
      [
        entryOf({ ...always, authenticator: "", subject: "203.0.113.0/24", limit: "own" }),
        entryOf(always),
        entryOf({ ...always, authenticator: "", subject: "2001:db8::/62" }),
      ],
    );
    const gateway = gatewayOf("own");
    const other = { ...anna, subject: "b", address: addresses[4] ?? home };
    const mutant = fc.record({
      cut: fc.oneof(fc.constant(good.length), fc.integer({ min: 0, max: good.length })),
      changes: fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    });
    let refused = 0;
    fc.assert(
      fc.property(mutant, ({ cut, changes }) => {
        expect(load(gateway, good)).toBe(abi.LOAD_OK);
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const code = load(gateway, bytes.subarray(0, cut));
        const exempt = [0, 1, 2].map(() => send(gateway, anna)).at(-1);
        const held = [0, 1, 2].map(() => send(gateway, other)).at(-1);
        if (code === abi.LOAD_OK) return;
        refused += 1;
        expect([exempt, held]).toEqual([PASSED, LIMITED]);
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });
});

describe("an exempt network", () => {
  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.7/32", "203.0.113.7"],
    ["203.0.113.0/24", "203.0.113.0/24"],
    ["::ffff:203.0.113.0/120", "203.0.113.0/24"],
    ["::FFFF:CB00:7107", "203.0.113.7"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["2001:DB8:0:0:1::/80", "2001:db8:0:0:1::/80"],
    ["2001:0db8:0000:0001:0000:0000:0000:0000/64", "2001:db8:0:1::/64"],
    ["2001:db8::1/128", "2001:db8::1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["2000::/16", "2000::/16"],
    ["::/16", "::/16"],
    ["::", "::"],
  ])("%s is written %s, and read again as the same", (text, canonical) => {
    const read = readExemptNetwork(text);
    expect(read).toMatchObject({ ok: true, value: { text: canonical } });
    expect(readExemptNetwork(canonical)).toEqual(read);
  });

  test.each([
    ["0.0.0.0/0", "network_too_wide"],
    ["8.0.0.0/7", "network_too_wide"],
    ["::/0", "network_too_wide"],
    ["2000::/15", "network_too_wide"],
    ["::ffff:0:0/96", "network_too_wide"],
    ["::ffff:0.0.0.0/103", "network_too_wide"],
    ["203.0.113.1/24", "network_has_host_bits"],
    ["0.0.0.0/-1", "network_malformed"],
    ["example.com", "network_malformed"],
    ["", "network_malformed"],
  ])("%s is refused", (text, code) => {
    expect(readExemptNetwork(text)).toMatchObject({ ok: false, code });
  });
});

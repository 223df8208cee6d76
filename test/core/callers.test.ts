import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import type { Engine } from "../../worker/engine/engine.ts";
import { overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { takeCounts } from "../../worker/engine/take-report.ts";
import type { CallerIncrement } from "../../worker/region/report.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";
import { AUD, base64url, cwtBytes, EXP, header, SUB } from "./cwt-fixture.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");
const OPERATIONS = 6;
const exp = nowMs / 1000 + 600;

const compiled = await compileText(`
picket: 1
services:
  - name: s
    match: { path: /s }
    upstream: http://127.0.0.1:1
    auth: [devices, users, keys, sensors]
    undocumented: report
    operations:
      - GET /s/0
      - GET /s/1
      - { method: GET, path: /s/2, scopes: [never] }
      - { method: GET, path: /s/3, limits: [tight] }
      - { method: GET, path: /s/4, scopes: [granted] }
      - GET /s/5/{id}
      - { method: GET, path: "/s/fw/{fw}", bind: { fw: "claim:-70002" } }
      - { method: GET, path: /s/counted, limits: [by-claim] }
  - { name: open, match: { path: /open }, upstream: http://127.0.0.1:1, auth: [], operations: [GET /open] }
authenticators:
  - { name: devices, type: jwt, issuer: https://d, audience: a, keys: [{ kid: k, secret: env:D }], kind: device, requireExp: false, firmware: "claim:fw" }
  - { name: users, type: jwt, issuer: https://u, audience: a, keys: [{ secret: env:U }], kind: user }
  - { name: keys, type: api-key, header: X-Key, keys: [
      { id: acme, sha256: "${digest("acme-key")}", kind: partner, scopes: [r, w], roles: [auditor], expires: 2027-01-01 },
      { id: sam, sha256: "${digest("sam-key")}", kind: service } ] }
  - { name: sensors, type: cwt, header: X-Cwt, audience: a, derive: { secret: env:F, scopes: [t] }, firmware: "claim:-70002" }
roles: { operator: [], auditor: [] }
limits:
  - { name: tight, by: principal, rate: 1/1m, burst: 1 }
  - { name: by-claim, by: "claim:-70002", rate: 1/1m, burst: 1 }
telemetry: { rowsPerDay: 1000, retainDays: 1 }
`);
const slotOf = (name: string) => compiled.meta.credentialHeaders.indexOf(name);

function bearer(issuer: "d" | "u", claims: Record<string, unknown>, kid?: string): string {
  return `Bearer ${signToken({ iss: `https://${issuer}`, aud: "a", ...claims }, secretNamed(issuer === "d" ? "env:D" : "env:U"), kid === undefined ? {} : { kid })}`;
}

/** As a device with a derived key makes it. */
function deviceToken(id: string, claims: [number, unknown][] = []): string {
  const key = createHmac("sha256", secretNamed("env:F")).update(`${id}\u0001`).digest();
  const all = new Map<number, unknown>([[SUB, id], [AUD, "a"], [EXP, exp], ...claims]);
  return base64url(cwtBytes(all, key, { protectedHeader: header(id) }));
}

let gateway: TestGateway;
beforeEach(() => {
  gateway = new TestGateway(newCore({ cells: 1 << 12, samples: 1 }), compiled.image);
});

interface Call {
  path: string;
  authorization?: string;
  key?: string;
  cwt?: string;
  address?: string | null;
  place?: [string, number];
  atMs?: number;
}

function call({ path, authorization, key, cwt, address, place = ["DE", 64500], atMs = nowMs }: Call): number {
  const credentials: (string | null)[] = new Array(abi.CREDENTIAL_SLOTS).fill(null);
  credentials[0] = authorization ?? null;
  credentials[slotOf("x-key")] = key ?? null;
  credentials[slotOf("x-cwt")] = cwt ?? null;
  gateway.write({ path, credentials, ...(address === undefined ? {} : { address }) });
  gateway.request.network(place[1], place[0], "FRA");
  return gateway.core.decide(atMs);
}

function take() {
  return takeCounts({ core: gateway.core } as unknown as Engine, compiled.meta, "r", nowMs);
}

const templates = (counts: ReturnType<typeof take>, caller: CallerIncrement) =>
  Object.fromEntries(
    caller.operations.map(([index, allowed, refused]) => [counts.operations[index]?.operation, [allowed, refused]]),
  );

interface Expected {
  operations: Map<string, [number, number]>;
  places: Set<string>;
  newest: { exp: number | null; iat: number | null; scope: string };
  lifetimeMs: number | null;
  endless: boolean;
  lastMs: number;
}

describe("the account of callers", () => {
  test("holds nobody who could not prove to be the caller, on preflights or without a credential neither", () => {
    const stolen = bearer("u", { sub: "victim", exp, cnf: { jkt: "A".repeat(43) } });
    expect([call({ path: "/s/0", authorization: stolen }), gateway.verdict.reason]).toEqual([
      abi.VERDICT_REFUSE,
      abi.REASON_PROOF_MISSING,
    ]);
    expect(call({ path: "/s/0", authorization: bearer("u", { sub: "u1", exp }) })).toBe(abi.VERDICT_ALLOW);
    call({ path: "/s/0", authorization: stolen });
    call({ path: "/s/0" });
    call({ path: "/open" });
    expect([gateway.core.callers_count(), gateway.core.caller_pairs_count(), gateway.core.callers_unlisted()]).toEqual([1, 1, 0]);
  });

  const subjects = ["a", "ab", "a b", "ä", "device-1", "device-2", "x".repeat(255), `${"x".repeat(254)}y`, "https://u"];
  const calls = fc.array(
    fc.record({
      issuer: fc.constantFrom<"d" | "u">("d", "u"),
      subject: fc.constantFrom(...subjects),
      operation: fc.nat(OPERATIONS),
      scope: fc.constantFrom("r", "r w", "w r"),
      iat: fc.option(fc.constantFrom(exp - 900, exp - 1200)),
      lasts: fc.constantFrom(0, 60),
      place: fc.constantFrom<[string, number]>(["DE", 1], ["DE", 2], ["CH", 1], ["", 7], ["FR", 0], ["", 0]),
      atMs: fc.nat(5_000),
    }),
    { maxLength: 120 },
  );

  test("is what a map of whole names would hold, whoever calls what, and starts anew with each report", () => {
    fc.assert(
      fc.property(calls, (all) => {
        take();
        const expected = new Map<string, Expected>();
        const before = gateway.core.places_unlisted();
        let placesLeftOut = 0;
        let clock = nowMs;
        for (const { issuer, subject, operation, scope, iat, lasts, place, atMs } of all) {
          clock += atMs;
          const until = issuer === "d" && lasts === 0 ? null : exp + lasts + 3600;
          const claims = { sub: subject, scope, ...(iat === null ? {} : { iat }), ...(until === null ? {} : { exp: until }) };
          const path = operation === 5 ? "/s/5/x" : operation === OPERATIONS ? "/s/other" : `/s/${operation}`;
          const verdict = call({
            path,
            authorization: bearer(issuer, claims, issuer === "d" ? "k" : undefined),
            place,
            atMs: clock,
          });
          const name = `${issuer === "d" ? "devices" : "users"} ${subject}`;
          const caller = expected.get(name) ?? {
            operations: new Map(),
            places: new Set(),
            newest: { exp: null, iat: null, scope },
            lifetimeMs: null,
            endless: false,
            lastMs: 0,
          };
          expected.set(name, caller);
          const template = operation === 5 ? "/s/5/{id}" : operation === OPERATIONS ? "(undocumented)" : path;
          const counts = caller.operations.get(template) ?? [0, 0];
          counts[verdict === abi.VERDICT_REFUSE ? 1 : 0]++;
          caller.operations.set(template, counts);
          if (place[0] !== "" || place[1] !== 0) {
            if (caller.places.size < 4 || caller.places.has(place.join())) caller.places.add(place.join());
            else placesLeftOut++;
          }
          caller.newest = { exp: until, iat, scope };
          if (until === null) caller.endless = true;
          else if (iat !== null) caller.lifetimeMs = Math.max(caller.lifetimeMs ?? 0, (until - iat) * 1000);
          caller.lastMs = clock;
        }
        const counts = take();
        expect(counts.callers.map((caller) => `${caller.authenticator} ${caller.principal}`)).toEqual([...expected.keys()]);
        for (const caller of counts.callers) {
          const wanted = expected.get(`${caller.authenticator} ${caller.principal}`) as Expected;
          expect(templates(counts, caller)).toEqual(Object.fromEntries(wanted.operations));
          expect(new Set(caller.places.map((place) => place.join()))).toEqual(wanted.places);
          expect(caller.scopes).toBe(wanted.newest.scope);
          expect(caller.expiresMs).toBe(wanted.newest.exp === null ? null : wanted.newest.exp * 1000);
          expect(caller.endless).toBe(wanted.endless);
          expect(caller.lastMs).toBe(wanted.lastMs);
          // Of credentials that end together only the first is asked when it was issued.
          expect(caller.lifetimeMs ?? 0).toBeLessThanOrEqual(wanted.lifetimeMs ?? 0);
          expect(caller.kind).toBe(caller.authenticator === "devices" ? "device" : "user");
          expect(caller.credential).toBe(caller.authenticator === "devices" ? "k" : "");
        }
        expect(gateway.core.places_unlisted() - before).toBe(placesLeftOut);
        const sum = counts.callers
          .flatMap((caller) => caller.operations)
          .reduce((n, [, allowed, refused]) => n + allowed + refused, 0);
        expect([sum, gateway.core.callers_unlisted()]).toEqual([all.length, 0]);
      }),
      { numRuns: 60 },
    );
  });

  test("says of a credential what it says itself", () => {
    call({
      path: "/s/0",
      authorization: bearer("d", { sub: "a", iat: exp - 900, exp, scope: "r w", roles: ["operator", "auditor"] }, "k"),
    });
    call({ path: "/s/0", key: "acme-key" });
    call({ path: "/s/0", key: "sam-key" });
    call({ path: "/s/0", cwt: deviceToken("dev-7") });
    const common = { firstMs: nowMs, lastMs: nowMs, places: [["DE", 64500]] };
    expect(take().callers).toMatchObject([
      {
        ...common,
        ...{
          authenticator: "devices",
          principal: "a",
          kind: "device",
          credential: "k",
          scopes: "r w",
          roles: "operator auditor",
        },
        ...{ issuedMs: (exp - 900) * 1000, expiresMs: exp * 1000, lifetimeMs: 900_000, endless: false },
      },
      {
        ...common,
        ...{ authenticator: "keys", principal: "acme", kind: "partner", credential: "acme", scopes: "r w", roles: "auditor" },
        ...{ issuedMs: null, expiresMs: Date.UTC(2027, 0, 1), lifetimeMs: null, endless: false },
      },
      { authenticator: "keys", principal: "sam", kind: "service", scopes: "", issuedMs: null, expiresMs: null, endless: true },
      {
        authenticator: "sensors",
        principal: "dev-7",
        credential: "dev-7",
        scopes: "t",
        issuedMs: null,
        expiresMs: exp * 1000,
        endless: false,
      },
    ]);
  });

  test("counts who is revoked as refused, and keeps a grant's scopes out of the credential's", () => {
    const revoked = {
      kind: "principal",
      authenticator: "devices",
      subject: "stolen",
      beforeMs: Number.POSITIVE_INFINITY,
      expiresMs: Number.POSITIVE_INFINITY,
    } as const;
    const grant = { authenticator: "devices", principal: "a", scopes: ["granted"], fromMs: 0, untilMs: Number.POSITIVE_INFINITY };
    const bytes = overlayBytes([revoked], [grant]);
    new Uint8Array(gateway.core.memory.buffer, abi.IMAGE_SLOT_1).set(bytes);
    expect(gateway.core.overlay_load(1, bytes.length)).toBe(abi.LOAD_OK);
    const send = (sub: string, path: string) => call({ path, authorization: bearer("d", { sub, exp, scope: "r" }, "k") });
    expect([send("stolen", "/s/0"), send("a", "/s/4")]).toEqual([abi.VERDICT_REFUSE, abi.VERDICT_ALLOW]);
    expect(gateway.verdict.scopes).toBe("r granted");
    const counts = take();
    expect(counts.callers.map((caller) => [caller.principal, caller.scopes, templates(counts, caller)])).toEqual([
      ["stolen", "r", { "/s/0": [0, 1] }],
      ["a", "r", { "/s/4": [1, 0] }],
    ]);
  });

  test("takes a date beyond all dates for never, and one that lies wrong for none", () => {
    call({ path: "/s/0", authorization: bearer("d", { sub: "far", iat: 1, exp: 1e300 }, "k") });
    call({ path: "/s/0", authorization: bearer("d", { sub: "odd", iat: exp + 5, exp }, "k") });
    expect(take().callers).toMatchObject([
      { expiresMs: null, endless: true, lifetimeMs: 8.64e15 },
      { expiresMs: exp * 1000, lifetimeMs: null },
    ]);
  });

  describe("of what a device's token claims that it runs", () => {
    const FW = -70002;
    const kept = (text: string) => (/^[ -~]+$/.test(text) ? text.slice(0, abi.CALLER_FIRMWARE_SIZE) : "");
    const texts = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom("4.2.0", "4.2.0\r\nX-Admin: 1", "\u0000", "\u007f", "é".repeat(16), "x".repeat(31), "x".repeat(5000)),
    );
    const firmwareOf = (one: Omit<Call, "path">) => {
      call({ path: "/s/0", ...one });
      return take().callers.map(({ principal, firmware }) => `${principal} ${firmware}`);
    };

    test("keeps printable ASCII, cut, of the newest token and of nobody else's", () => {
      const hits = () => (gateway.core as unknown as { facts_hits(): number }).facts_hits();
      const tokens = fc.array(fc.tuple(fc.boolean(), fc.constantFrom("a", "b"), fc.option(texts)), { maxLength: 12 });
      fc.assert(
        fc.property(tokens, (all) => {
          take();
          const expected = new Map<string, string>();
          for (const [isSensor, id, text] of all) {
            const claim = text === null ? {} : { fw: text };
            const one = isSensor
              ? { cwt: deviceToken(id, text === null ? [] : [[FW, text]]) }
              : { authorization: bearer("d", { sub: id, exp, ...claim }, "k") };
            // More than once: what is remembered of a token says the same.
            for (let i = 0; i < 3; i++) call({ path: "/s/0", ...one });
            call({ path: "/s/0", key: "sam-key" });
            expected.set(`${isSensor ? "sensors" : "devices"} ${id}`, kept(text ?? ""));
            expected.set("keys sam", "");
          }
          expect(new Map(take().callers.map((one) => [`${one.authenticator} ${one.principal}`, one.firmware]))).toEqual(expected);
        }),
        { numRuns: 150 },
      );
      expect(hits()).toBeGreaterThan(500);
    });

    test("takes an integer for its digits, bytes for their text, and nothing else", () => {
      const values: [unknown, string][] = [
        [42, "42"],
        [-3, "-3"],
        [4.2, ""],
        [["4.2.0"], ""],
        [true, ""],
        [null, ""],
      ];
      for (const [value, text] of values) {
        expect(firmwareOf({ authorization: bearer("d", { sub: "a", exp, fw: value }, "k") })).toEqual([`a ${text}`]);
        expect(firmwareOf({ cwt: deviceToken("s", [[FW, value]]) })).toEqual([`s ${text}`]);
      }
      expect(firmwareOf({ cwt: deviceToken("s", [[FW, Buffer.from("4.2.0")]]) })).toEqual(["s 4.2.0"]);
      expect(firmwareOf({ authorization: bearer("u", { sub: "a", exp, fw: "4.2.0" }) })).toEqual(["a "]);
      expect(firmwareOf({ authorization: bearer("d", { sub: "a", exp, fw: "\ud800" }, "k") })).toEqual(["a "]);
    });

    test("lets a device that makes its tokens itself do nothing: no bind and no limit hears it", () => {
      const send = (id: string, path: string, firmware: string) => {
        call({ path, cwt: deviceToken(id, [[FW, firmware]]) });
        return gateway.verdict.reason;
      };
      for (let i = 0; i < 3; i++) expect(send("s1", "/s/fw/4.2.0", "4.2.0")).toBe(abi.REASON_OBJECT_NOT_OWNED);
      const counted = [send("s1", "/s/counted", "4.2.0"), send("s2", "/s/counted", "4.2.0"), send("s1", "/s/counted", "else")];
      expect(counted).toEqual([abi.REASON_NONE, abi.REASON_NONE, abi.REASON_RATE_LIMITED]);
    });
  });

  test("tells addresses apart by linear counting, those of IPv6 by their /64", () => {
    const bits = () => {
      const [low = 0, high = 0] = take().callers[0]?.addresses ?? [];
      return [low, high].map((half) => half.toString(2).replaceAll("0", "").length).reduce((a, b) => a + b);
    };
    const from = (addresses: (string | null)[]) => {
      for (const address of addresses) call({ path: "/s/0", key: "sam-key", address });
      return bits();
    };
    expect(from(["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::1"])).toBe(1);
    expect(from(["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"])).toBe(1);
    expect(from([null])).toBe(0);
    // n = −64 ln(zeros / 64): for 30 addresses 24 bits are expected.
    const many = from(Array.from({ length: 30 }, (_, i) => `198.51.100.${i}`));
    expect(many).toBeGreaterThan(17);
    expect(many).toBeLessThan(31);
  });

  test("leaves out who is not authenticated, and what WebCrypto has yet to verify", () => {
    call({ path: "/open" });
    call({ path: "/s/0" });
    call({ path: "/s/0", authorization: "Bearer junk" });
    call({ path: "/s/0", authorization: bearer("d", { sub: "a", exp: 5 }, "k") });
    call({ path: "/nowhere", key: "sam-key" });
    expect(take().callers).toEqual([]);
    expect(gateway.core.callers_unlisted()).toBe(0);
  });

  test("is cut where its bounds are: a name that is too long, scopes at a space, a kid at a character", () => {
    const scope = Array.from({ length: 60 }, (_, i) => `scope-${i}:read`).join(" ");
    call({ path: "/s/0", authorization: bearer("d", { sub: "y".repeat(256), exp }, "k") });
    call({ path: "/s/0", authorization: bearer("u", { sub: "a", exp, scope }, "é".repeat(40)) });
    const { callers } = take();
    expect(gateway.core.callers_unlisted()).toBe(1);
    expect(callers).toHaveLength(1);
    expect(callers[0]?.credential).toBe("é".repeat(32));
    const scopes = callers[0]?.scopes ?? "";
    expect(scope.startsWith(`${scopes} `)).toBe(true);
    expect(scopes.length).toBeGreaterThan(490);
    expect(scopes.length).toBeLessThanOrEqual(512);
  });

  test("is bounded: who does not fit is counted, and fits again after the report", () => {
    const send = (i: number) => call({ path: "/s/0", authorization: bearer("d", { sub: `device-${i}`, exp }, "k") });
    for (let i = 0; i < abi.MAX_CALLERS + 50; i++) send(i);
    send(3);
    const counts = take();
    expect(counts.callers).toHaveLength(abi.MAX_CALLERS);
    expect(counts.callers[3]?.operations.map(([, ...n]) => n)).toEqual([[2, 0]]);
    expect(gateway.core.callers_unlisted()).toBe(50);
    send(abi.MAX_CALLERS + 1);
    expect(take().callers).toMatchObject([{ principal: `device-${abi.MAX_CALLERS + 1}` }]);
  });

  test("counts an operation that its table has no room for", () => {
    const paths = ["/s/0", "/s/1", "/s/2", "/s/4", "/s/5/x"];
    for (let i = 0; i < 1000; i++) {
      for (const path of paths) call({ path, authorization: bearer("d", { sub: `device-${i}`, exp }, "k") });
    }
    const pairs = take().callers.flatMap((caller) => caller.operations);
    expect(pairs).toHaveLength(abi.MAX_CALLER_PAIRS);
    expect(gateway.core.callers_unlisted()).toBe(5000 - abi.MAX_CALLER_PAIRS);
  });

  test("takes no more of a report than it is given: the rest is counted", () => {
    const scope = "s".repeat(511);
    for (let i = 0; i < 1000; i++)
      call({ path: "/s/0", authorization: bearer("d", { sub: `${i}-`.padEnd(255, "x"), exp, scope }, "k") });
    const { callers, callersUnlisted } = take();
    expect(JSON.stringify(callers).length).toBeLessThan(400_100);
    expect(callers.length + callersUnlisted).toBe(1000);
    expect(callersUnlisted).toBeGreaterThan(100);
  });
});

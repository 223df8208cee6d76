import { createHmac, hkdfSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type CborMap, cbor, deviceKey, HMAC_256_64, mac0Bytes, signCwt } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";
import {
  AUD,
  base64url,
  CTI,
  cwtBytes,
  EXP,
  fromHex,
  type Headers,
  header,
  IAT,
  ISS,
  mac0,
  NBF,
  SCOPE,
  SUB,
  tagOf,
} from "./cwt-fixture.ts";

const policy = `
picket: 1
services:
  - name: a
    match: { path: /a }
    upstream: binding:A
    auth: [tokens, sensors, short, rotated, gauges, fleet]
    operations: [GET /a/x, { method: GET, path: /a/write, scopes: [telemetry:write] }]
  - { name: fleet, match: { path: /fleet }, upstream: binding:A, auth: [fleet], limits: [per-dev], operations: [GET /fleet/x] }
  - { name: gauges, match: { path: /gauges }, upstream: binding:A, auth: [gauges], limits: [per-dev, per-number], operations: [GET /gauges/x] }
  - { name: jwt, match: { path: /jwt }, upstream: binding:A, auth: [tokens], operations: [GET /jwt/x] }
authenticators:
  - { name: tokens, type: jwt, issuer: "coap://as", audience: fleet, keys: [{ secret: "env:TOKENS" }] }
  - { name: sensors, type: cwt, issuer: "coap://as", audience: [fleet, store], keys: [{ kid: s1, secret: "env:SENSORS" }], clockTolerance: 30s }
  - { name: short, type: cwt, issuer: "coap://short", audience: fleet, algorithms: [HMAC 256/64], keys: [{ secret: "env:SENSORS" }], requireExp: false }
  - { name: rotated, type: cwt, issuer: "coap://rotated", audience: fleet, keys: [{ kid: r1, secret: "env:OLD" }, { kid: r2, secret: "env:NEW" }] }
  - { name: gauges, type: cwt, header: X-Gauge, audience: fleet, keys: [{ secret: "env:SENSORS" }] }
  - { name: fleet, type: cwt, issuer: "coap://fleet", audience: fleet, derive: { secret: "env:MASTER", scopes: ["telemetry:write", "devices:read"] } }
limits:
  - { name: per-dev, by: "claim:dev", rate: 1/1h, burst: 1 }
  - { name: per-number, by: "claim:-70001", rate: 1000/1h, burst: 2 }
`;

const key = Buffer.from(secretNamed("env:SENSORS"));
const nowS = nowMs / 1000;
const claims: Record<number, unknown> = { [ISS]: "coap://as", [SUB]: "sensor-1", [AUD]: "fleet", [EXP]: nowS + 60 };

/** The plain claims with some changed; undefined takes one out. */
function claimed(changes: Record<number | string, unknown> = {}): CborMap {
  const entries = Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined);
  return new Map(entries.map(([name, value]) => [/^-?\d+$/.test(name) ? Number(name) : name, value]));
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = new TestGateway(newCore(), (await compileText(policy)).image);
});

function judge(token: Uint8Array | string, at = nowMs, path = "/a/x"): number {
  const text = typeof token === "string" ? token : base64url(token);
  return gateway.decide({ path, credentials: [`Bearer ${text}`], nowMs: at }).reason;
}

const claiming = (changes: Record<number | string, unknown>, at = nowMs) => judge(cwtBytes(claimed(changes), key), at);
const headed = (headers: Headers) => judge(cwtBytes(claimed(), key, headers));

describe("a CWT", () => {
  it("names its subject, its scopes and its authenticator", () => {
    expect(judge(cwtBytes(claimed({ [SCOPE]: "a b" }), key, { protectedHeader: header("s1") }))).toBe(abi.REASON_NONE);
    expect([gateway.verdict.principal, gateway.verdict.scopes]).toEqual(["sensor-1", "a b"]);
    expect(claiming({ [SUB]: undefined, [SCOPE]: Buffer.from("c d") })).toBe(abi.REASON_NONE);
    expect([gateway.verdict.principal, gateway.verdict.scopes]).toEqual(["coap://as", "c d"]);
  });

  it("is taken with the tags 61 and 17, with 17, and untagged; with no other nesting", () => {
    const tagged = cwtBytes(claimed(), key);
    const untagged = tagged.subarray(1);
    const put = (...front: number[]) => judge(Uint8Array.of(...front, ...untagged));
    expect([put(0xd8, 0x3d, 0xd1), put(0xd1), put()]).toEqual([0, 0, 0]);
    const wrong = [[0xd8, 0x3d], [0xd8, 0x3d, 0xd8, 0x3d, 0xd1], [0xd1, 0xd8, 0x3d], [0xd1, 0xd1], [0xd8, 0x11], [0xd8], []];
    for (const front of wrong.slice(0, -1)) expect([front, put(...front)]).toEqual([front, abi.REASON_TOKEN_MALFORMED]);
    expect(judge(tagged.subarray(0, 1))).toBe(abi.REASON_TOKEN_MALFORMED);
    // The tag of a COSE_Sign1, which no HMAC makes.
    expect([put(0xd2), put(0xd8, 0x3d, 0xd2)]).toEqual([abi.REASON_ALGORITHM_REFUSED, abi.REASON_ALGORITHM_REFUSED]);
  });

  it("is an array of four, of the right types, and nothing behind it", () => {
    const good = Buffer.from(cwtBytes(claimed(), key)).toString("hex");
    const payload = Buffer.from(cbor(cbor(claimed()))).toString("hex");
    const variants = [
      good.replace(/^d184/, "d183"),
      good.replace(/^d184/, "d185"),
      good.replace(/^d184/, "d19f"),
      good.replace("43a10105a0", "a10105a0"), // protected as a map
      good.replace("43a10105a0", "43a1010540"), // unprotected as bytes
      good.replace("43a10105a0", "44a1010500a0"), // a byte behind the protected map
      good.replace("43a10105a0", "42a101a0"), // a protected map that is cut
      good.replace("43a10105a0", "5803a10105a0"), // not the shortest
      good.replace(payload, "f6"), // detached
      good.replace(payload, Buffer.from(cbor(claimed())).toString("hex")),
      `${good}00`,
      good.slice(0, -2),
      good.slice(0, 20),
      good.slice(0, -66), // no tag
    ];
    for (const variant of variants) {
      expect(variant).not.toBe(good);
      expect([variant, judge(fromHex(variant))]).toEqual([variant, abi.REASON_TOKEN_MALFORMED]);
    }
  });

  it("is strict base64url, of at most MAX_TOKEN characters", () => {
    const text = base64url(cwtBytes(claimed({ pad: "x".repeat(28) }), key));
    expect(judge(text)).toBe(abi.REASON_NONE);
    for (const bad of [
      `${text}=`,
      `${text}.`,
      ` ${text} `.slice(0, -1).concat(" "),
      text.replace("-", "+").concat("+"),
      `${text}A`,
    ])
      expect([bad, judge(bad)]).toEqual([bad, abi.REASON_TOKEN_MALFORMED]);
    // base64url grows by a third: what the longest says is just below 6,144 bytes.
    const longest = base64url(cwtBytes(claimed({ pad: Buffer.alloc(5920) }), key));
    expect(longest.length + 7).toBeLessThanOrEqual(abi.MAX_TOKEN);
    expect(judge(longest)).toBe(abi.REASON_NONE);
    expect(judge("0".repeat(abi.MAX_TOKEN))).toBe(abi.REASON_CREDENTIAL_TOO_LARGE);
  });

  it("that is empty, or followed by what an earlier token left, is judged by its own bytes", () => {
    judge(cwtBytes(claimed(), key));
    for (const text of ["", "0", "0Y", "2D3", "hE", "0YQ", "0YRDoQEF"]) {
      expect([text, judge(text)]).toEqual([text, abi.REASON_TOKEN_MALFORMED]);
    }
  });
});

describe("its header", () => {
  it("names an algorithm of the policy, protected", () => {
    const refused = abi.REASON_ALGORITHM_REFUSED;
    for (const alg of [HMAC_256_64, 6, 7, -7, 0, 1, 5.5, "HS256", "5", [5], null]) {
      expect([alg, headed({ protectedHeader: header("s1", alg as number) })]).toEqual([alg, refused]);
    }
    expect(headed({ protectedHeader: new Uint8Array(0), unprotectedHeader: header() })).toBe(refused);
    expect(headed({ protectedHeader: fromHex("a0"), unprotectedHeader: header() })).toBe(refused);
    expect(headed({ protectedHeader: new Uint8Array(0) })).toBe(refused);
    expect(headed({ unprotectedHeader: new Map([[1, 4]]) })).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(headed({ unprotectedHeader: new Map([[1, 5]]) })).toBe(abi.REASON_TOKEN_MALFORMED);
  });

  it("demands nothing that the core does not know", () => {
    const crit: CborMap = new Map<number, unknown>([
      [1, 5],
      [2, [-70000]],
      [-70000, 1],
    ]);
    expect(headed({ protectedHeader: crit })).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(headed({ unprotectedHeader: new Map([[2, []]]) })).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(headed({ protectedHeader: header().set(-70000, "ignored").set("x", [1]) })).toBe(abi.REASON_NONE);
  });

  it("names its key in one of its halves", () => {
    const kid = (text: string): CborMap => new Map([[4, Buffer.from(text)]]);
    expect(headed({ protectedHeader: header("s1") })).toBe(abi.REASON_NONE);
    expect(headed({ unprotectedHeader: kid("s1") })).toBe(abi.REASON_NONE);
    expect(headed({})).toBe(abi.REASON_NONE); // there is only one key
    expect(headed({ unprotectedHeader: kid("s2") })).toBe(abi.REASON_KEY_UNKNOWN);
    expect(headed({ unprotectedHeader: kid("") })).toBe(abi.REASON_KEY_UNKNOWN);
    for (const other of ["s1", "s2"])
      expect(headed({ protectedHeader: header("s1"), unprotectedHeader: kid(other) })).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(headed({ unprotectedHeader: new Map([[4, "s1"]]) })).toBe(abi.REASON_TOKEN_MALFORMED);
  });

  it("chooses among keys by its kid", () => {
    const at = (secret: string, kid?: string) => {
      const bytes = cwtBytes(claimed({ [ISS]: "coap://rotated" }), Buffer.from(secretNamed(secret)), {
        protectedHeader: header(kid),
      });
      return judge(bytes);
    };
    expect([at("env:OLD", "r1"), at("env:NEW", "r2")]).toEqual([0, 0]);
    expect([at("env:NEW", "r1"), at("env:OLD"), at("env:OLD", "r3")]).toEqual([13, 12, 12]);
  });

  it("may stand before long unprotected parameters: the MAC_structure is written over them", () => {
    for (const length of [0, 1, 5, 6, 23, 24, 200, 3000]) {
      const unprotectedHeader: CborMap = new Map<number, unknown>([
        [4, Buffer.from("s1")],
        [-70000, Buffer.alloc(length)],
      ]);
      expect([length, headed({ unprotectedHeader })]).toEqual([length, 0]);
      const protectedHeader = header().set(-70000, Buffer.alloc(length));
      expect([length, headed({ protectedHeader, unprotectedHeader })]).toEqual([length, 0]);
    }
  });
});

describe("its tag", () => {
  it("is compared in each of its bytes, and is as long as its algorithm says", () => {
    const message = mac0(claimed(), {});
    const tag = tagOf(message, key);
    for (let at = 0; at < 32; at++) {
      expect(
        judge(
          mac0Bytes(
            message,
            tag.map((byte, i) => (i === at ? byte ^ 1 : byte)),
          ),
        ),
      ).toBe(abi.REASON_SIGNATURE_INVALID);
    }
    for (const length of [0, 8, 16, 31])
      expect(judge(mac0Bytes(message, tag.subarray(0, length)))).toBe(abi.REASON_SIGNATURE_INVALID);
    expect(judge(mac0Bytes(message, Uint8Array.of(...tag, 0)))).toBe(abi.REASON_SIGNATURE_INVALID);
    expect(judge(cwtBytes(claimed(), Buffer.alloc(32)))).toBe(abi.REASON_SIGNATURE_INVALID);
  });

  it("of HMAC 256/64 has eight bytes", () => {
    const message = mac0(claimed({ [ISS]: "coap://short" }), { protectedHeader: header(undefined, HMAC_256_64) });
    const tag = tagOf(message, key);
    expect(judge(mac0Bytes(message, tag.subarray(0, 8)))).toBe(abi.REASON_NONE);
    for (const length of [0, 4, 7, 9, 32])
      expect(judge(mac0Bytes(message, tag.subarray(0, length)))).toBe(abi.REASON_SIGNATURE_INVALID);
    for (let at = 0; at < 8; at++) {
      const changed = tag.subarray(0, 8).map((byte, i) => (i === at ? byte ^ 128 : byte));
      expect(judge(mac0Bytes(message, changed))).toBe(abi.REASON_SIGNATURE_INVALID);
    }
    expect(judge(cwtBytes(claimed({ [ISS]: "coap://short" }), key))).toBe(abi.REASON_ALGORITHM_REFUSED);
  });
});

describe("its claims", () => {
  it("are a strict map with known types", () => {
    const malformed = abi.REASON_CLAIMS_MALFORMED;
    const bad: Record<number, unknown>[] = [
      { [ISS]: 7 },
      { [ISS]: Buffer.from("coap://as") },
      { [SUB]: 7 },
      { [SUB]: "" },
      { [SUB]: "a\nb" },
      { [SUB]: " a" },
      { [AUD]: 7 },
      { [AUD]: ["fleet", 7] },
      { [EXP]: "soon" },
      { [EXP]: Number.NaN },
      { [EXP]: Number.POSITIVE_INFINITY },
      { [NBF]: true },
      { [IAT]: null },
      { [CTI]: "text" },
      { [SCOPE]: 7 },
      { [SCOPE]: "a\nb" },
      { [SCOPE]: Buffer.of(0xff) },
    ];
    for (const changes of bad) expect([changes, claiming(changes)]).toEqual([changes, malformed]);
    for (const hex of ["", "80", "6161", "d8 3d a0", "bfff", "a1616161ff", `b841${"00".repeat(130)}`, "a20501040 1"]) {
      expect([hex, judge(cwtBytes(fromHex(hex.replaceAll(" ", "")), key))]).toEqual([hex, malformed]);
    }
    const many = new Map(Array.from({ length: abi.MAX_CLAIMS }, (_, i): [number, unknown] => [1000 + i, i]));
    expect(judge(cwtBytes(new Map([...claimed(), ...many]), key))).toBe(malformed);
    for (let i = 0; i < 4; i++) many.delete(1000 + i);
    expect(judge(cwtBytes(new Map([...claimed(), ...many]), key))).toBe(abi.REASON_NONE);
  });

  it("say when: integers and floats, in whole seconds, the tolerance included", () => {
    expect(claiming({ [EXP]: nowS }, (nowS + 29) * 1000 + 999)).toBe(abi.REASON_NONE);
    expect(claiming({ [EXP]: nowS }, (nowS + 30) * 1000)).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(claiming({ [EXP]: nowS + 0.5 }, (nowS + 30) * 1000)).toBe(abi.REASON_NONE);
    expect(claiming({ [NBF]: nowS + 30 })).toBe(abi.REASON_NONE);
    expect(claiming({ [NBF]: nowS + 31 })).toBe(abi.REASON_TOKEN_NOT_YET_VALID);
    expect(claiming({ [EXP]: -1 })).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(claiming({ [EXP]: 2n ** 64n - 1n })).toBe(abi.REASON_NONE);
    expect(claiming({ [EXP]: -(2n ** 64n) })).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(claiming({ [EXP]: undefined })).toBe(abi.REASON_TOKEN_WITHOUT_EXPIRY);
    const forever = claimed({ [ISS]: "coap://short", [EXP]: undefined });
    expect(judge(cwtBytes(forever, key, { protectedHeader: header(undefined, HMAC_256_64) }, HMAC_256_64))).toBe(abi.REASON_NONE);
  });

  it("say for whom", () => {
    expect([claiming({ [AUD]: "store" }), claiming({ [AUD]: ["x", "fleet"] })]).toEqual([0, 0]);
    for (const aud of [undefined, "", "fleets", [], ["x"]]) expect(claiming({ [AUD]: aud })).toBe(abi.REASON_AUDIENCE_MISMATCH);
  });

  it("of an unknown issuer are not looked at; without issuer no authenticator that names one takes them", () => {
    expect(claiming({ [ISS]: "coap://other" })).toBe(abi.REASON_ISSUER_UNKNOWN);
    expect(claiming({ [ISS]: undefined })).toBe(abi.REASON_ISSUER_UNKNOWN);
  });

  it("by text and by number are what limits count by; what is of another type counts by principal", () => {
    const gauge = (changes: Record<number | string, unknown>) => {
      const token = base64url(cwtBytes(claimed({ [ISS]: undefined, ...changes }), key));
      const credentials = [null, token];
      return gateway.decide({ path: "/gauges/x", credentials }).reason;
    };
    const limited = abi.REASON_RATE_LIMITED;
    expect([gauge({ dev: "a", [-70001]: 1 }), gauge({ dev: "a", [-70001]: 2 })]).toEqual([0, limited]);
    expect([gauge({ dev: "b", [-70001]: "1" }), gauge({ dev: Buffer.from("c"), [-70001]: 1 })]).toEqual([0, limited]);
    expect([gauge({ dev: -7, [-70001]: 3 }), gauge({ dev: "-7", [-70001]: 3 })]).toEqual([0, limited]);
    expect([gauge({ dev: 2n ** 63n - 1n }), gauge({ dev: "9223372036854775807" })]).toEqual([0, limited]);
    // Neither is an integer of 64 bits: both count as sensor-1.
    expect([gauge({ dev: 2n ** 63n, [SUB]: "z" }), gauge({ dev: -(2n ** 64n), [SUB]: "z" })]).toEqual([0, limited]);
    expect([gauge({ dev: [1], [SUB]: "y" }), gauge({ dev: 1.5, [SUB]: "y" })]).toEqual([0, limited]);
  });
});

describe("a fleet's derived keys", () => {
  const master = Uint8Array.from(Buffer.from(secretNamed("env:MASTER")));
  const own = (changes: Record<number | string, unknown> = {}) => claimed({ [ISS]: "coap://fleet", [SUB]: "dev-7", ...changes });
  const made = async (id: string, body: CborMap) => signCwt(await deviceKey(master, id), id, body);

  it("are HKDF-Expand of the secret and the id", async () => {
    const derived = await deviceKey(master, "dev-7");
    expect(Buffer.from(derived)).toEqual(createHmac("sha256", master).update("dev-7\u0001").digest());
    // HKDF's extract with a known salt gives a PRK; its expand of it gives the same as ours.
    const prk = createHmac("sha256", "salt").update("input").digest();
    const expanded = Buffer.from(hkdfSync("sha256", "input", "salt", "dev-7", 32));
    expect(Buffer.from(await deviceKey(Uint8Array.from(prk), "dev-7"))).toEqual(expanded);
  });

  it("let each device speak for itself, with the policy's scopes", async () => {
    expect(judge(await made("dev-7", own({ [SCOPE]: "admin", dev: "x" })), nowMs, "/a/write")).toBe(abi.REASON_NONE);
    expect([gateway.verdict.principal, gateway.verdict.scopes]).toEqual(["dev-7", "telemetry:write devices:read"]);
    expect(judge(await made("dev-8", own({ [SUB]: undefined })))).toBe(abi.REASON_NONE);
    expect(gateway.verdict.principal).toBe("dev-8");
    const long = "d".repeat(128);
    expect(judge(await made(long, own({ [SUB]: long })))).toBe(abi.REASON_NONE);
  });

  it("let no device speak for another, or with another's key", async () => {
    expect(judge(await made("dev-7", own({ [SUB]: "dev-8" })))).toBe(abi.REASON_SUBJECT_MISMATCH);
    expect(judge(await made("dev-7", own({ [SUB]: "dev-77" })))).toBe(abi.REASON_SUBJECT_MISMATCH);
    expect(judge(await made("dev-7", own({ [SUB]: 7 })))).toBe(abi.REASON_SUBJECT_MISMATCH);
    expect(judge(await signCwt(await deviceKey(master, "dev-7"), "dev-8", own({ [SUB]: "dev-8" })))).toBe(13);
    expect(judge(await signCwt(master, "dev-8", own({ [SUB]: "dev-8" })))).toBe(abi.REASON_SIGNATURE_INVALID);
  });

  it("are for ids that a header can carry, of at most 128 bytes", async () => {
    for (const id of ["", " a", "a\n", "d".repeat(129)])
      expect(judge(await made(id, own({ [SUB]: id })))).toBe(abi.REASON_KEY_UNKNOWN);
    const binary = cwtBytes(own(), key, { protectedHeader: header().set(4, Buffer.of(0xff, 0xfe)) });
    expect([judge(binary), judge(cwtBytes(own(), key))]).toEqual([abi.REASON_KEY_UNKNOWN, abi.REASON_KEY_UNKNOWN]);
  });

  it("count by the device, whatever claim a limit asks for", async () => {
    const at = async (id: string, dev: string) => judge(await made(id, own({ [SUB]: id, dev })), nowMs, "/fleet/x");
    expect([await at("l-1", "p"), await at("l-1", "q"), await at("l-2", "p")]).toEqual([0, abi.REASON_RATE_LIMITED, 0]);
  });
});

describe("several authenticators", () => {
  it("each take their own kind of token, and none rescues what another refused", () => {
    const jwt = signToken({ iss: "coap://as", aud: "fleet", sub: "u", exp: nowS + 60 }, secretNamed("env:TOKENS"));
    expect([judge(jwt), gateway.verdict.principal]).toEqual([abi.REASON_NONE, "u"]);
    expect([judge(cwtBytes(claimed(), key)), gateway.verdict.principal]).toEqual([abi.REASON_NONE, "sensor-1"]);
    expect(judge(cwtBytes(claimed(), Buffer.from(secretNamed("env:TOKENS"))))).toBe(abi.REASON_SIGNATURE_INVALID);
  });

  it("of which none takes this kind of token say that it is malformed", () => {
    const jwt = signToken({ iss: "coap://as" }, secretNamed("env:TOKENS"));
    expect(judge(jwt, nowMs, "/fleet/x")).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(judge(cwtBytes(claimed(), key), nowMs, "/jwt/x")).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(gateway.decide({ path: "/fleet/x", credentials: ["Basic eDp5"] }).reason).toBe(abi.REASON_CREDENTIAL_MISSING);
    expect(gateway.decide({ path: "/fleet/x" }).reason).toBe(abi.REASON_CREDENTIAL_MISSING);
  });

  it("may read another header", () => {
    const token = base64url(cwtBytes(claimed({ [SUB]: "g" }), key));
    const forged = base64url(cwtBytes(claimed({ [SUB]: "g" }), Buffer.alloc(32)));
    const at = (credentials: (string | null)[]) => gateway.decide({ path: "/a/x", credentials }).reason;
    expect([at([null, token]), at([null, `Bearer ${token}`]), at([null, forged])]).toEqual([0, 0, 13]);
  });
});

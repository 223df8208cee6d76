import { createHash } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import type { CompiledPolicy } from "../../worker/policy/compiled.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway, type TestRequest } from "./core-fixture.ts";
import { decidePolicy } from "./decide-policy.ts";

const digest = (key: string) => createHash("sha256").update(key).digest("hex");

const claims = { iss: "https://id.example", aud: "fleet", sub: "device-7", dev: "7", exp: nowMs / 1000 + 600 };

function deviceToken(more: Record<string, unknown> = {}): string {
  const token = signToken({ ...claims, ...more }, secretNamed("env:DEVICE_SECRET"), { kid: "d1" });
  return `Bearer ${token}`;
}

function userToken(more: Record<string, unknown> = {}): string {
  const all = { ...claims, iss: "https://users.example", ...more };
  return `Bearer ${signToken(all, secretNamed("env:USER_SECRET"), { kid: "u1" })}`;
}

let policy: CompiledPolicy;
let gateway: TestGateway;

beforeAll(async () => {
  policy = await compileText(decidePolicy.replace("ACME", digest("acme-key")).replace("LATE", digest("late-key")));
});

beforeEach(() => {
  gateway = new TestGateway(newCore({ cells: 1024, samples: 16 }), policy.image);
});

const device: TestRequest = { path: "/fleet/devices/7" };
const telemetry: TestRequest = { method: "POST", path: "/fleet/devices/7/telemetry" };

function reasonOf(request: TestRequest): number {
  return gateway.decide(request).reason;
}

function limitName(): string | undefined {
  return policy.meta.limits[gateway.verdict.limit]?.name;
}

describe("without a policy", () => {
  test("every request is refused", () => {
    const bare = new TestGateway(newCore(), null);
    expect(bare.decide({ path: "/public/ping" })).toMatchObject({
      verdict: abi.VERDICT_REFUSE,
      reason: abi.REASON_POLICY_MISSING,
    });
  });
});

describe("who calls", () => {
  test("a token's principal, kind and scopes are told", () => {
    const result = gateway.decide({ ...telemetry, credentials: [deviceToken({ scope: "a telemetry:write" })] });
    expect(result).toMatchObject({ verdict: abi.VERDICT_ALLOW, reason: abi.REASON_NONE });
    expect([gateway.verdict.principal, gateway.verdict.scopes]).toEqual(["device-7", "a telemetry:write"]);
    expect(new DataView(gateway.core.memory.buffer).getInt32(abi.VERDICT_KIND, true)).toBe(abi.KIND_DEVICE);
  });

  test("an API key is known by its digest, and only until it expires", () => {
    expect(reasonOf({ ...device, credentials: [null, "acme-key"] })).toBe(abi.REASON_NONE);
    expect([gateway.verdict.principal, gateway.verdict.scopes]).toEqual(["acme", "devices:read telemetry:write"]);
    for (const key of ["acme-kez", "acme-key ", "a", "ACME-KEY", "x".repeat(abi.MAX_TOKEN)]) {
      expect(reasonOf({ ...device, credentials: [null, key] })).toBe(abi.REASON_API_KEY_UNKNOWN);
    }
    expect(reasonOf({ ...device, credentials: [null, "late-key"] })).toBe(abi.REASON_API_KEY_EXPIRED);
    const before = Date.UTC(2020, 0, 1) - 1;
    expect(reasonOf({ ...device, credentials: [null, "late-key"], nowMs: before })).toBe(abi.REASON_NONE);
  });

  test("a missing, foreign, oversized or malformed credential has its own reason", () => {
    expect(reasonOf(device)).toBe(abi.REASON_CREDENTIAL_MISSING);
    expect(reasonOf({ ...device, credentials: ["Basic dTpw"] })).toBe(abi.REASON_CREDENTIAL_MISSING);
    expect(reasonOf({ ...device, credentials: [userToken()] })).toBe(abi.REASON_ISSUER_UNKNOWN);
    expect(reasonOf({ ...device, credentials: ["Bearer x"] })).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(reasonOf({ ...device, credentials: [`Bearer ${"x".repeat(9000)}`] })).toBe(abi.REASON_CREDENTIAL_TOO_LARGE);
    expect(reasonOf({ ...device, credentials: [null, "x".repeat(9000)] })).toBe(abi.REASON_CREDENTIAL_TOO_LARGE);
    expect(gateway.verdict.principal).toBe("");
  });

  test("the issuer chooses the authenticator, and what that one refuses no other rescues", () => {
    const closed: TestRequest = { path: "/closed/known" };
    expect(reasonOf({ ...closed, credentials: [deviceToken()] })).toBe(abi.REASON_NONE);
    expect(reasonOf({ ...closed, credentials: [userToken()] })).toBe(abi.REASON_NONE);
    expect(reasonOf({ ...closed, credentials: [userToken({ iss: "https://else.example" })] })).toBe(abi.REASON_ISSUER_UNKNOWN);
    const expired = deviceToken({ exp: nowMs / 1000 - 600 });
    expect(reasonOf({ ...device, credentials: [expired, "acme-key"] })).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(gateway.verdict.principal).toBe("");
    // A token that no authenticator claims leaves the word to the API key that is there as well.
    expect(reasonOf({ ...device, credentials: [userToken(), "acme-key"] })).toBe(abi.REASON_NONE);
  });

  test("scopes are all needed, as whole words", () => {
    const admin = (scope: string) => reasonOf({ path: "/fleet/admin", credentials: [deviceToken({ scope })] });
    expect(admin("admin audit")).toBe(abi.REASON_NONE);
    expect(admin("audit x admin")).toBe(abi.REASON_NONE);
    for (const scope of [
      "admin",
      "audit",
      "",
      "administrator audit",
      "admin audits",
      "xadmin audit",
      "Admin Audit",
      "admin,audit",
    ]) {
      expect([scope, admin(scope)]).toEqual([scope, abi.REASON_SCOPE_MISSING]);
    }
    expect(gateway.verdict.principal).toBe("device-7");
  });
});

describe("what is not documented", () => {
  test("is reported, refused or allowed as the service says, and only to who may call", () => {
    const token = [deviceToken()];
    expect(gateway.decide({ path: "/fleet/new", credentials: token })).toMatchObject({
      verdict: abi.VERDICT_SHADOW,
      reason: abi.REASON_OPERATION_UNKNOWN,
    });
    expect(reasonOf({ path: "/fleet/new" })).toBe(abi.REASON_CREDENTIAL_MISSING);
    expect(gateway.decide({ path: "/closed/x", credentials: token })).toMatchObject({
      verdict: abi.VERDICT_REFUSE,
      reason: abi.REASON_OPERATION_UNKNOWN,
    });
    expect(reasonOf({ path: "/closed/x" })).toBe(abi.REASON_CREDENTIAL_MISSING);
    expect(gateway.decide({ path: "/public/x" }).verdict).toBe(abi.VERDICT_ALLOW);
    expect(reasonOf({ path: "/elsewhere" })).toBe(abi.REASON_SERVICE_UNKNOWN);
  });

  test("is held to the service's limits all the same", () => {
    const token = [deviceToken()];
    for (let i = 0; i < 60; i++) expect(reasonOf({ path: "/fleet/new", credentials: token })).toBe(abi.REASON_OPERATION_UNKNOWN);
    expect(gateway.decide({ path: "/fleet/new", credentials: token })).toMatchObject({
      verdict: abi.VERDICT_REFUSE,
      reason: abi.REASON_RATE_LIMITED,
    });
  });
});

describe("bodies and preflights", () => {
  test("a body on GET or HEAD is refused", () => {
    expect(reasonOf({ path: "/public/ping", flags: abi.FLAG_BODY })).toBe(abi.REASON_BODY_REFUSED);
    expect(reasonOf({ path: "/public/ping", method: "HEAD", flags: abi.FLAG_BODY })).toBe(abi.REASON_BODY_REFUSED);
    expect(reasonOf({ path: "/public/ping", method: "POST", flags: abi.FLAG_BODY })).toBe(abi.REASON_NONE);
  });

  test("a preflight passes without a credential, held to limits by address alone", () => {
    const preflight: TestRequest = { method: "OPTIONS", flags: abi.FLAG_PREFLIGHT };
    expect(gateway.decide({ ...preflight, path: "/closed/known" })).toMatchObject({ verdict: abi.VERDICT_ALLOW, reason: 0 });
    for (let i = 0; i < 200; i++) expect(reasonOf({ ...preflight, path: "/fleet/devices/7" })).toBe(abi.REASON_NONE);
    for (let i = 0; i < 5; i++) expect(reasonOf({ ...preflight, path: "/public/ping" })).toBe(abi.REASON_NONE);
    expect(reasonOf({ ...preflight, path: "/public/ping" })).toBe(abi.REASON_RATE_LIMITED);
    expect(limitName()).toBe("per-address");
    // The flag means nothing on another method.
    expect(reasonOf({ method: "GET", flags: abi.FLAG_PREFLIGHT, path: "/fleet/devices/7" })).toBe(abi.REASON_CREDENTIAL_MISSING);
  });
});

describe("limits", () => {
  test("all are charged or none: a refusal by one leaves the others as they were", () => {
    const credentials = [deviceToken({ scope: "telemetry:write" })];
    for (let i = 0; i < 3; i++) expect(reasonOf({ ...telemetry, credentials })).toBe(abi.REASON_NONE);
    for (let i = 0; i < 100; i++) expect(reasonOf({ ...telemetry, credentials })).toBe(abi.REASON_RATE_LIMITED);
    expect([limitName(), gateway.verdict.remaining, gateway.verdict.retryMs, gateway.verdict.resetMs]).toEqual([
      "per-device",
      0,
      10_000,
      30_000,
    ]);
    // 3 of the principal's 60 are gone, not 103: its own limit is the only one of this operation.
    expect(reasonOf({ ...device, credentials })).toBe(abi.REASON_NONE);
    expect([limitName(), gateway.verdict.remaining]).toEqual(["per-principal", 56]);
    expect(reasonOf({ ...telemetry, credentials, nowMs: nowMs + 9_999 })).toBe(abi.REASON_RATE_LIMITED);
    expect(reasonOf({ ...telemetry, credentials, nowMs: nowMs + 10_000 })).toBe(abi.REASON_NONE);
  });

  test("nothing is charged before authentication, nor for a missing scope", () => {
    for (let i = 0; i < 200; i++) {
      expect(reasonOf({ ...telemetry, credentials: [`${deviceToken({ scope: "telemetry:write" })}x`] })).not.toBe(
        abi.REASON_NONE,
      );
      expect(reasonOf({ ...telemetry, credentials: [deviceToken()] })).toBe(abi.REASON_SCOPE_MISSING);
    }
    reasonOf({ ...telemetry, credentials: [deviceToken({ scope: "telemetry:write" })] });
    expect([limitName(), gateway.verdict.remaining]).toEqual(["per-device", 2]);
  });

  test("by address: an IPv6 caller is its /64, an IPv4 one itself, however it is written", () => {
    const left = (address: string | null) => {
      const reason = reasonOf({ path: "/public/ping", address });
      return reason === abi.REASON_NONE ? gateway.verdict.remaining : -1;
    };
    expect([
      left("2001:db8:1:2::1"),
      left("2001:DB8:1:2:ffff::9"),
      left("2001:0db8:0001:0002:0:0:0:5"),
      left("2001:db8:1:3::1"),
    ]).toEqual([4, 3, 2, 4]);
    expect([left("198.51.100.1"), left("::ffff:198.51.100.1"), left("198.51.100.2"), left("::198.51.100.1")]).toEqual([
      4, 3, 4, 4,
    ]);
    expect([left("::"), left("0:0:0:0:0:0:0:1"), left("::2")]).toEqual([3, 2, 1]);
    // What is no address counts as the text that it is; unknown addresses count together.
    expect([left("1.2.3"), left("1.2.3"), left("01.2.3.4"), left("1.2.3.4"), left(null), left(null)]).toEqual([4, 3, 4, 4, 4, 3]);
  });

  test("the same subject of two issuers, or of a token and a key, is two principals", () => {
    const left = (request: TestRequest) => {
      expect(reasonOf({ ...device, ...request })).toBe(abi.REASON_NONE);
      return gateway.verdict.remaining;
    };
    expect(left({ credentials: [null, "acme-key"] })).toBe(59);
    expect(left({ credentials: [deviceToken({ sub: "acme" })] })).toBe(59);
    expect(left({ credentials: [deviceToken({ sub: "acme" })] })).toBe(58);
    expect(left({ credentials: [null, "acme-key"] })).toBe(58);
  });

  test("by claim: a token without the claim counts as its principal", () => {
    const left = (more: Record<string, unknown>) => {
      const credentials = [deviceToken({ scope: "telemetry:write", ...more })];
      return reasonOf({ ...telemetry, credentials }) === abi.REASON_NONE ? gateway.verdict.remaining : -1;
    };
    expect([left({ dev: "1" }), left({ dev: "1", sub: "other" }), left({ dev: "2" })]).toEqual([2, 1, 2]);
    expect([left({ dev: undefined, sub: "1" }), left({ dev: undefined, sub: "2" }), left({ dev: { x: 1 }, sub: "1" })]).toEqual([
      2, 2, 1,
    ]);
  });
});

describe("what is forwarded and recorded", () => {
  test("the normalized path, told only where it differs", () => {
    gateway.decide({ path: "/public/files/%41/b%2b" });
    expect(gateway.verdict.changedPath).toBe("/public/files/A/b%2B");
    gateway.decide({ path: "/public/files/A/b%2B" });
    expect(gateway.verdict.changedPath).toBeNull();
  });

  test("an ambiguous or too long path is refused before anything else", () => {
    expect(reasonOf({ path: "/public/../fleet/admin" })).toBe(abi.REASON_PATH_AMBIGUOUS);
    expect(reasonOf({ path: "/FLEET/admin" })).toBe(abi.REASON_PATH_AMBIGUOUS);
    expect(reasonOf({ path: `/${"a".repeat(5000)}` })).toBe(abi.REASON_PATH_TOO_LONG);
    expect([gateway.verdict.service, gateway.verdict.operation]).toEqual([-1, 0]);
  });

  test("the event says what was decided, with texts cut at a character", () => {
    const sub = `${"é".repeat(60)}`;
    gateway.decide({ ...device, credentials: [deviceToken({ sub })], address: "2001:db8::1" });
    const id = gateway.verdict.eventId;
    expect(gateway.core.sample_take(Number.POSITIVE_INFINITY)).toBe(1);
    const address = new Uint32Array(gateway.core.memory.buffer, gateway.core.sample_list(), 1)[0] ?? 0;
    const view = new DataView(gateway.core.memory.buffer, address, abi.EVENT_SIZE);
    const text = (at: number, length: number) => Buffer.from(gateway.core.memory.buffer, address + at, length).toString();
    expect(view.getBigUint64(abi.EVENT_ID, true).toString(16).padStart(16, "0")).toBe(id);
    expect(view.getFloat64(abi.EVENT_TIME_MS, true)).toBe(nowMs);
    expect(view.getUint8(abi.EVENT_METHOD)).toBe(abi.METHOD_GET);
    expect(view.getInt32(abi.EVENT_OPERATION, true)).toBe(gateway.verdict.operation);
    expect(view.getInt32(abi.EVENT_LIMIT, true)).toBe(-1);
    expect(text(abi.EVENT_PRINCIPAL, view.getUint8(abi.EVENT_PRINCIPAL_LENGTH))).toBe("é".repeat(48));
    expect(text(abi.EVENT_ADDRESS, view.getUint8(abi.EVENT_ADDRESS_LENGTH))).toBe("2001:db8::1");
    expect(text(abi.EVENT_PATH, view.getUint16(abi.EVENT_PATH_LENGTH, true))).toBe("/fleet/devices/7");
    expect([view.getUint16(abi.EVENT_COUNTRY, true), view.getUint32(abi.EVENT_ASN, true)]).toEqual([0x4544, 64500]);
  });

  test("a too long path leaves nothing of an earlier request in its event", () => {
    gateway.decide({ path: "/public/files/of-somebody-else" });
    gateway.decide({ path: `/${"a".repeat(5000)}` });
    const listed = gateway.core.sample_take(Number.POSITIVE_INFINITY);
    const addresses = new Uint32Array(gateway.core.memory.buffer, gateway.core.sample_list(), listed);
    const lengths = [...addresses].map((at) =>
      new DataView(gateway.core.memory.buffer).getUint16(at + abi.EVENT_PATH_LENGTH, true),
    );
    expect(lengths.sort((a, b) => a - b)).toEqual([0, "/public/files/of-somebody-else".length]);
  });

  test("every decision is counted once", () => {
    for (let i = 0; i < 50; i++) gateway.decide({ path: "/public/files/x", address: `192.0.2.${i}` });
    for (let i = 0; i < 7; i++) gateway.decide({ path: "//" });
    const { operation } = gateway.decide({ path: "/public/files/x", address: "192.0.2.99" });
    const requests = (index: number) =>
      new DataView(gateway.core.memory.buffer).getUint32(abi.STATS + index * abi.STATS_SIZE + abi.STATS_REQUESTS, true);
    expect([requests(operation), requests(0), gateway.core.dirty_count()]).toEqual([51, 7, 2]);
  });
});

test("a hostile clock and hostile numbers in the request record never trap", () => {
  for (const now of [Number.NaN, -1, 0, 1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(gateway.decide({ path: "/public/ping", nowMs: now }).verdict).toBeLessThan(abi.VERDICT_COUNT);
  }
  const ints = new Int32Array(gateway.core.memory.buffer, abi.REQUEST, abi.REQUEST_SIZE / 4);
  for (const value of [-1, 0x7fffffff, -0x80000000, 256, 5000]) {
    for (let i = 0; i < ints.length; i++) {
      gateway.write({ path: "/public/ping" });
      ints[i] = value;
      expect(gateway.core.decide(nowMs)).toBeLessThan(abi.VERDICT_COUNT);
    }
  }
});

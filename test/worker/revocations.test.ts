import { beforeEach, describe, expect, it } from "vitest";
import { insertGrant } from "../../worker/db/grants.ts";
import { insertRevocation, MOST_REVOCATIONS } from "../../worker/db/revocations.ts";
import { retain } from "../../worker/region/retention.ts";
import { acmeDigest, bearer, FakeRegion, Gateway, sealedPolicy } from "./gateway-fixture.ts";
import { countOf, env, NOON_MS, report, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: binding:FLEET
    owner: devices-team
    auth: [device-tokens, partner-keys]
    operations: ["GET /fleet/{id}", { method: POST, path: "/fleet/{id}", scopes: [write] }]
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, keys: [{ kid: d1, secret: env:DEVICE_SECRET }] }
  - { name: partner-keys, type: api-key, keys: [{ id: acme, sha256: "${acmeDigest}", kind: partner }] }
telemetry: { rowsPerDay: 100000, retainDays: 1 }
`;

let soc: TestSoc;
let region: TestRegion;

beforeEach(async () => {
  await env.DB.batch(["revocations", "grants", "policies"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  soc = new TestSoc();
  region = new TestRegion();
  await soc.admin("/api/v1/policies", { body: policy });
});

const stolen = { kind: "principal", authenticator: "device-tokens", subject: "sensor-1", reason: "stolen" };
const revoke = (over: Record<string, unknown> = {}) => soc.admin("/api/v1/revocations", { json: { ...stolen, ...over } });
interface Change {
  generation: number;
  pending: string[];
  revocation: { id: number; beforeMs: number | null; expiresMs: number | null; who: string; reason: string; madeMs: number };
}
const changeOf = async (response: Response) => (await response.json()) as Change;

describe("the API", () => {
  it("makes a revocation once, lists it, and lifts it", async () => {
    const made = await revoke();
    expect(made.status).toBe(201);
    const { revocation, generation, pending } = await changeOf(made);
    expect(revocation).toMatchObject({ ...stolen, beforeMs: null, expiresMs: null, who: "administrator", madeMs: NOON_MS });
    expect(pending).toEqual([]);
    const again = await revoke({ reason: "again" });
    expect(again.status).toBe(200);
    expect(await changeOf(again)).toMatchObject({ revocation: { reason: "stolen" }, generation });
    const listed = await soc.admin("/api/v1/revocations", { method: "GET" });
    expect(await listed.json()).toEqual({ most: MOST_REVOCATIONS, revocations: [revocation] });
    const path = `/api/v1/revocations/${revocation.id}`;
    const lifted = await soc.admin(path, { method: "DELETE" });
    expect((await changeOf(lifted)).generation).toBeGreaterThan(generation);
    expect(await codeOf(await soc.admin(path, { method: "DELETE" }))).toBe("revocation_unknown");
  });

  it("only ever widens what is revoked already", async () => {
    await revoke({ beforeMs: NOON_MS - 1000, expiresMs: NOON_MS + 1000 });
    expect((await revoke({ beforeMs: NOON_MS - 2000, expiresMs: NOON_MS + 500 })).status).toBe(200);
    const wider = await revoke({ beforeMs: NOON_MS - 500, expiresMs: NOON_MS + 500 });
    expect(wider.status).toBe(201);
    expect((await changeOf(wider)).revocation).toMatchObject({ beforeMs: NOON_MS - 500, expiresMs: NOON_MS + 1000 });
  });

  it("takes a session, names it, and takes nobody else", async () => {
    const signedIn = await TestSoc.signedIn();
    const made = await signedIn.call("/api/v1/revocations", { method: "POST", json: stolen });
    expect((await changeOf(made)).revocation.who).toMatch(/^session [0-9a-f]{8}$/);
    for (const [method, path] of [
      ["GET", "/api/v1/revocations"],
      ["POST", "/api/v1/revocations"],
      ["DELETE", "/api/v1/revocations/1"],
      ["GET", "/api/v1/grants"],
      ["POST", "/api/v1/grants"],
      ["DELETE", "/api/v1/grants/1"],
    ] as const) {
      const body = method === "POST" ? { json: stolen } : {};
      expect([method, path, await codeOf(await soc.call(path, { method, ...body }))]).toEqual([method, path, "session_missing"]);
      const headers = { Authorization: "Bearer wrong" };
      expect(await codeOf(await soc.call(path, { method, ...body, headers }))).toBe("admin_token_invalid");
      if (method === "GET") continue;
      expect(await codeOf(await signedIn.call(path, { method, ...body, origin: "https://else.example" }))).toBe(
        "origin_mismatch",
      );
    }
  });

  it.each([
    ["no such authenticator", { authenticator: "gone" }, 422, "authenticator_unknown"],
    ["no such API key", { kind: "credential", authenticator: "partner-keys", subject: "acne" }, 422, "credential_unknown"],
    ["a token id where there are keys", { kind: "token", authenticator: "partner-keys" }, 422, "revocation_mismatch"],
    ["a key id where there are tokens", { kind: "credential" }, 422, "revocation_mismatch"],
    ["an issuer with a subject", { kind: "issuer" }, 400, "request_invalid"],
    ["no subject", { subject: undefined }, 400, "request_invalid"],
    ["a subject that is too long", { subject: "é".repeat(128) }, 400, "request_invalid"],
    ["a subject on two lines", { subject: "a\nb" }, 400, "request_invalid"],
    ["no reason", { reason: "" }, 400, "request_invalid"],
    ["an instant to come", { beforeMs: NOON_MS + 1 }, 400, "request_invalid"],
    ["an end that is over", { expiresMs: NOON_MS }, 400, "request_invalid"],
    ["a token's instant", { kind: "token", beforeMs: 1 }, 400, "request_invalid"],
    ["an unknown member", { until: 1 }, 400, "request_invalid"],
  ])("says what is wrong: %s", async (_, over, status, code) => {
    const response = await revoke(over);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(await countOf("SELECT COUNT(*) AS n FROM revocations")).toBe(0);
  });

  it("is full at its bound, says what to do, and still takes what is there already", async () => {
    const one = {
      kind: "token",
      authenticator: "device-tokens",
      beforeMs: 1,
      expiresMs: NOON_MS + 9,
      reason: "r",
      who: "w",
    } as const;
    await insertRevocation(env.DB, { ...one, subject: "0", madeMs: NOON_MS });
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       INSERT INTO revocations (kind, authenticator, subject, before_ms, expires_ms, reason, who, made_ms)
       SELECT 'token', 'device-tokens', CAST(i AS TEXT), 1, ?2, 'r', 'w', 0 FROM n`,
    )
      .bind(MOST_REVOCATIONS - 1, NOON_MS + 9)
      .run();
    const full = await revoke();
    expect(full.status).toBe(409);
    expect(await full.json()).toMatchObject({ code: "revocations_full", title: expect.stringContaining("issuer") });
    expect((await revoke({ kind: "token", subject: "7" })).status).toBe(201);
    soc.nowMs = NOON_MS + 9;
    expect((await revoke()).status).toBe(201);
  });

  it("grants for a time, once, and takes back", async () => {
    const grant = {
      principal: "sensor-1",
      authenticator: "device-tokens",
      scopes: ["write", "read", "write"],
      fromMs: NOON_MS,
      untilMs: NOON_MS + 1000,
      reason: "repair",
      approver: "boss",
    };
    const give = (over: Record<string, unknown> = {}) => soc.admin("/api/v1/grants", { json: { ...grant, ...over } });
    const made = await give();
    expect(made.status).toBe(201);
    const { grant: row } = (await made.json()) as { grant: { id: number } };
    expect(row).toMatchObject({ ...grant, scopes: ["read", "write"], who: "administrator" });
    expect((await give()).status).toBe(200);
    expect(await codeOf(await give({ untilMs: NOON_MS }))).toBe("request_invalid");
    expect(await codeOf(await give({ untilMs: NOON_MS + 367 * 86_400_000 }))).toBe("request_invalid");
    expect(await codeOf(await give({ scopes: ["a b"] }))).toBe("request_invalid");
    expect(await codeOf(await give({ principal: "p".repeat(255), scopes: ["s".repeat(40)] }))).toBe("request_invalid");
    expect(await codeOf(await give({ authenticator: "gone" }))).toBe("authenticator_unknown");
    expect((await soc.admin(`/api/v1/grants/${row.id}`, { method: "DELETE" })).status).toBe(200);
    expect(await codeOf(await soc.admin(`/api/v1/grants/${row.id}`, { method: "DELETE" }))).toBe("grant_unknown");
  });
});

describe("the region", () => {
  it("names the newest generation in its orders, and gives the list to who is behind", async () => {
    const { generation } = await changeOf(await revoke());
    expect(await region.report(report())).toMatchObject({ overlayGeneration: generation });
    const overlay = await region.inside((object) => object.overlay(0));
    expect(overlay?.version).toBe(generation);
    expect(await region.inside((object) => object.overlay(generation))).toBeNull();
  });

  it("learns of a change that nobody told it with its next batch", async () => {
    const before = await region.inside((object) => object.overlay(0).then((overlay) => overlay?.version ?? 0));
    const one = { ...stolen, kind: "principal", beforeMs: 1, expiresMs: NOON_MS * 2, who: "w", madeMs: NOON_MS } as const;
    const revoked = await insertRevocation(env.DB, one);
    if (revoked.state === "full") throw new Error("full");
    expect(revoked.generation).toBeGreaterThan(before);
    await region.report(report({ seq: 7 }));
    await region.pass(60_000);
    expect(await region.report(report({ seq: 8 }))).toMatchObject({ overlayGeneration: revoked.generation });
  });

  it("serves the last list while D1 is away", async () => {
    const { generation } = await changeOf(await revoke());
    const overlay = await region.inside((object, state) => {
      object.db = { prepare: () => ({ first: () => Promise.reject(new Error("D1_ERROR: away")) }) } as never;
      expect([...state.storage.sql.exec("SELECT version FROM overlay")]).toEqual([{ version: generation }]);
      return object.overlay(0).finally(() => {
        object.db = env.DB;
      });
    });
    expect(overlay?.version).toBe(generation);
  });

  it("does not say that nothing is revoked before it has read D1", async () => {
    const fresh = new TestRegion("fresh");
    const away = { prepare: () => ({ first: () => Promise.reject(new Error("D1_ERROR: away")) }) } as unknown as D1Database;
    const answer = await fresh.inside(async (object) => {
      object.db = away;
      const failed = await object.overlay(0).catch((error: Error) => error.message);
      object.db = env.DB;
      return failed;
    });
    expect(answer).toMatch(/not known yet/);
    expect((await fresh.inside((object) => object.overlay(-1)))?.version).toBeGreaterThanOrEqual(0);
  });
});

it("the daily clean-up removes what is over, and nothing else", async () => {
  await revoke({ subject: "a", expiresMs: NOON_MS + 1 });
  await revoke({ subject: "b", expiresMs: NOON_MS + 2 });
  const one = { authenticator: "a", principal: "p", scopes: "s", fromMs: 1, reason: "r", approver: "a", who: "w", madeMs: 2 };
  await insertGrant(env.DB, { ...one, untilMs: NOON_MS + 1 });
  await insertGrant(env.DB, { ...one, untilMs: NOON_MS + 2 });
  await retain(env, NOON_MS + 1);
  expect(await countOf("SELECT COUNT(*) AS n FROM revocations")).toBe(1);
  expect(await countOf("SELECT COUNT(*) AS n FROM grants")).toBe(2);
  await retain(env, NOON_MS + 1 + 86_400_000);
  expect(await countOf("SELECT COUNT(*) AS n FROM grants")).toBe(1);
});

describe("the isolate", () => {
  const start = async () => {
    const link = new FakeRegion(await sealedPolicy(policy, 1));
    await revoke();
    const overlay = await region.inside((object) => object.overlay(0));
    return { link, overlay, gateway: new Gateway(link) };
  };

  it("decides nothing before it has the list", async () => {
    const { link, overlay, gateway } = await start();
    link.overlays = null;
    expect((await gateway.send("/fleet/1", await bearer())).status).toBe(503);
    link.overlays = overlay;
    const refused = await gateway.send("/fleet/1", await bearer());
    expect([refused.status, await codeOf(refused)]).toEqual([401, "token_invalid"]);
    expect(gateway.seen).toEqual([]);
    expect((await gateway.send("/fleet/1", await bearer({ sub: "sensor-2" }))).status).toBe(200);
  });

  it("takes the list with its orders, says why in the event, and keeps it when the core is replaced", async () => {
    const { link, overlay, gateway } = await start();
    expect((await gateway.send("/fleet/1", await bearer())).status).toBe(200);
    link.overlays = overlay;
    await gateway.reported();
    expect((await gateway.send("/fleet/1", await bearer())).status).toBe(401);
    const rollups = (await gateway.reported()).flatMap((one) => one.rollups.map((rollup) => rollup.reason));
    expect(rollups).toContain("revoked");
    gateway.trap = true;
    expect((await gateway.send("/fleet/1", await bearer({ sub: "sensor-2" }))).status).toBe(503);
    expect((await gateway.send("/fleet/1", await bearer())).status).toBe(401);
  });

  it("goes on with the list it has when another is not sound", async () => {
    const { link, overlay, gateway } = await start();
    link.overlays = overlay;
    expect((await gateway.send("/fleet/1", await bearer())).status).toBe(401);
    link.overlays = { version: (overlay?.version ?? 0) + 1, bytes: new Uint8Array(20) };
    await gateway.reported();
    expect((await gateway.send("/fleet/1", await bearer())).status).toBe(401);
    expect((await gateway.send("/fleet/1", await bearer({ sub: "sensor-2" }))).status).toBe(200);
  });
});

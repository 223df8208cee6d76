import { beforeEach, describe, expect, it } from "vitest";
import { MOST_DEVICES, registerDevices } from "../../worker/db/devices.ts";
import { MOST_REVOCATIONS } from "../../worker/db/revocations.ts";
import { bearer, FakeRegion, Gateway, sealedPolicy } from "./gateway-fixture.ts";
import { countOf, env, NOON_MS, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = `
picket: 1
services:
  - { name: fleet, match: { path: /fleet }, upstream: binding:FLEET, owner: devices-team, auth: [device-tokens], operations: ["GET /fleet/{id}"] }
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, keys: [{ kid: d1, secret: env:DEVICE_SECRET }], kind: device, firmware: "claim:fw" }
`;
const PATH = "/api/v1/devices";

interface Device {
  id: number;
  device: string;
  fleet: string;
  model: string;
  firmware: string;
  claimedFirmware: string;
  state: string;
  note: string;
  who: string;
  changedMs: number;
  firstMs: number | null;
  lastMs: number | null;
}
interface List {
  most: number;
  used: number;
  devices: Device[];
  next: number | null;
}
interface Registered {
  made: number;
  updated: number;
  unchanged: number;
  errors: { row: number; code: string; path: string; message: string }[];
}

let soc: TestSoc;
let region: TestRegion;

beforeEach(async () => {
  const tables = ["devices", "revocations", "policies", "principals"];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  soc = new TestSoc();
  region = new TestRegion();
  await soc.admin("/api/v1/policies", { body: policy });
});

const row = (device: string, more: Record<string, unknown> = {}) => ({ authenticator: "device-tokens", device, ...more });
const register = (rows: unknown) => soc.admin(PATH, { json: rows });
const registered = async (rows: unknown) => (await (await register(rows)).json()) as Registered;
const list = async (query = "") => (await (await soc.admin(`${PATH}${query}`, { method: "GET" })).json()) as List;
const change = (verb: string, device: string, more: Record<string, unknown> = {}) =>
  soc.admin(`${PATH}/${verb}`, { json: row(device, more) });
const seen = (device: string, firstMs: number, lastMs: number) =>
  env.DB.prepare(
    `INSERT INTO principals VALUES ('device-tokens', ?1, 'device', 'd1', '', '', '', NULL, NULL, NULL, 0, ?2, ?3, 0, 0, 0)`,
  )
    .bind(device, firstMs, lastMs)
    .run();

describe("the registry", () => {
  it("registers devices, updates what is said of them, and leaves alone what is not", async () => {
    const rows = [row("dev-1", { fleet: "north", model: "TH-4" }), row("dev-2", { note: "spare" })];
    expect(await registered(rows)).toEqual({ made: 2, updated: 0, unchanged: 0, errors: [] });
    expect(await registered(rows)).toEqual({ made: 0, updated: 0, unchanged: 2, errors: [] });
    soc.nowMs = NOON_MS + 1;
    expect(await registered(row("dev-1", { firmware: "4.2.0" }))).toEqual({ made: 0, updated: 1, unchanged: 0, errors: [] });
    const { devices } = await list();
    expect(devices.map(({ device, fleet, model, firmware, state }) => [device, fleet, model, firmware, state])).toEqual([
      ["dev-1", "north", "TH-4", "4.2.0", "active"],
      ["dev-2", "", "", "", "active"],
    ]);
    expect(devices[0]).toMatchObject({ who: "administrator", changedMs: NOON_MS + 1, madeMs: NOON_MS, firstMs: null });
    expect(devices[1]).toMatchObject({ note: "spare", changedMs: NOON_MS });
  });

  it("takes NDJSON, and says of each row that it could not take why", async () => {
    const lines = [
      JSON.stringify(row("dev-1")),
      "",
      "{",
      JSON.stringify(row("dev-1", { fleet: "again" })),
      JSON.stringify(row("dev-2", { firmware: 4 })),
      JSON.stringify({ ...row("dev-3"), authenticator: "gone" }),
      JSON.stringify(row("a\nb")),
      JSON.stringify(row("dev-4", { state: "retired" })),
      "7",
      JSON.stringify(row("dev-5", { fleet: "north" })),
    ];
    const headers = { "Content-Type": "application/x-ndjson" };
    const answer = (await (await soc.admin(PATH, { body: lines.join("\r\n"), headers })).json()) as Registered;
    expect(answer).toMatchObject({ made: 2, updated: 0, unchanged: 0 });
    expect(answer.errors.map((one) => [one.row, one.code, one.path])).toEqual([
      [1, "row_malformed", ""],
      [2, "device_repeated", "device"],
      [3, "row_invalid", "firmware"],
      [4, "authenticator_unknown", "authenticator"],
      [5, "row_invalid", "device"],
      [6, "row_invalid", ""],
      [7, "row_invalid", ""],
    ]);
    expect((await list()).devices.map(({ device }) => device)).toEqual(["dev-1", "dev-5"]);
  });

  it("takes a thousand at once, and no more", async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => row(`dev-${i}`, { fleet: "f".repeat(100), note: "n".repeat(400) }));
    expect(await registered(rows)).toMatchObject({ made: 1000, errors: [] });
    expect(await codeOf(await register([...rows, row("one-more")]))).toBe("request_invalid");
    for (const bad of [[], "text", null, 7, [row("x", { model: 1 })]]) {
      expect([bad, await codeOf(await register(bad))]).toEqual([bad, "request_invalid"]);
    }
    expect(await codeOf(await soc.admin(PATH, { body: "x".repeat(1_048_577) }))).toBe("body_too_large");
    expect(await countOf("SELECT COUNT(*) AS n FROM devices")).toBe(1000);
  });

  it("is full at its bound", async () => {
    await registerDevices(env.DB, [{ ...row("last"), fleet: null, model: null, firmware: null, note: null }], "w", 1);
    await env.DB.prepare("UPDATE devices SET id = ?1").bind(MOST_DEVICES).run();
    const full = await register([row("one-more")]);
    expect([full.status, await codeOf(full)]).toEqual([409, "devices_full"]);
  });

  it("is searched, filtered and turned over by pages, and says when each was seen", async () => {
    await registered(Array.from({ length: 25 }, (_, i) => row(`dev-${i}`, { fleet: i % 5 === 0 ? "north" : "south" })));
    await registered([row("Pump_100%", { model: "TH-4" })]);
    await seen("dev-7", 1000, 2000);
    await change("quarantine", "dev-10");
    const found: string[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: List = await list(`?limit=10&after=${after}`);
      found.push(...page.devices.map(({ device }) => device));
      after = page.next;
    }
    expect(found).toEqual([...Array.from({ length: 25 }, (_, i) => `dev-${i}`), "Pump_100%"]);
    const names = async (query: string) => (await list(query)).devices.map(({ device }) => device);
    expect(await names("?fleet=north")).toEqual(["dev-0", "dev-5", "dev-10", "dev-15", "dev-20"]);
    expect(await names("?state=quarantined&fleet=north&authenticator=device-tokens")).toEqual(["dev-10"]);
    expect(await names("?search=pump_100%25")).toEqual(["Pump_100%"]);
    expect(await names("?search=th-4")).toEqual(["Pump_100%"]);
    expect(await names("?authenticator=other")).toEqual([]);
    expect((await list("?search=dev-7")).devices[0]).toMatchObject({ firstMs: 1000, lastMs: 2000 });
    for (const query of ["?limit=0", "?limit=501", "?after=-1", "?state=lost", "?search="]) {
      expect(await codeOf(await soc.admin(`${PATH}${query}`, { method: "GET" }))).toBe("request_invalid");
    }
  });

  it("shows which firmware a device's newest token claims beside the one that is registered", async () => {
    await registered([row("sensor-1", { firmware: "4.2.0" }), row("sensor-2", { firmware: "4.2.0" }), row("sensor-3")]);
    const gateway = new Gateway(new FakeRegion(await sealedPolicy(policy, 1)));
    const calls = async (sub: string, fw: string) => gateway.send("/fleet/1", await bearer({ sub, fw }));
    expect((await calls("sensor-1", "4.1.0")).status).toBe(200);
    expect((await calls("sensor-3", "4.1.0\r\nX-Admin: 1")).status).toBe(200);
    region = new TestRegion("test", Date.now());
    for (const one of await gateway.reported()) expect(await region.report(one)).not.toHaveProperty("refused");
    for (let i = 0; i < 10 && (await countOf("SELECT COUNT(*) AS n FROM principals")) < 2; i++) await region.pass(5_000);
    const said = (devices: Device[]) => devices.map((one) => [one.device, one.firmware, one.claimedFirmware]);
    expect(said((await list()).devices)).toEqual([
      ["sensor-1", "4.2.0", "4.1.0"],
      ["sensor-2", "4.2.0", ""],
      ["sensor-3", "", ""],
    ]);
    expect(said((await list("?firmware=4.1.0")).devices)).toEqual([["sensor-1", "4.2.0", "4.1.0"]]);
    const detail = await soc.admin("/api/v1/principal?authenticator=device-tokens&principal=sensor-1", { method: "GET" });
    expect(await detail.json()).toMatchObject({ newest: { firmware: "4.1.0" } });
  });

  it("takes a session, names it, and takes nobody else", async () => {
    const signedIn = await TestSoc.signedIn();
    await signedIn.call(PATH, { method: "POST", json: [row("dev-1")] });
    expect((await list()).devices[0]?.who).toMatch(/^session [0-9a-f]{8}$/);
    const routes = [["GET", PATH], ...["", "/quarantine", "/retire", "/activate"].map((verb) => ["POST", PATH + verb])] as const;
    for (const [method = "", path = ""] of routes) {
      const body = method === "POST" ? { json: row("dev-1") } : {};
      expect([method, path, await codeOf(await soc.call(path, { method, ...body }))]).toEqual([method, path, "session_missing"]);
      if (method === "GET") continue;
      const stranger = { method, ...body, origin: "https://else.example" };
      expect(await codeOf(await signedIn.call(path, stranger))).toBe("origin_mismatch");
    }
  });

  it("is described, rows included", async () => {
    const described = (await (await soc.call("/api/openapi.json")).json()) as {
      paths: Record<string, unknown>;
      components: { schemas: Record<string, unknown> };
    };
    expect(Object.keys(described.paths).filter((path) => path.includes("/devices"))).toHaveLength(4);
    expect(described.components.schemas.DeviceRegistration).toMatchObject({ required: ["authenticator", "device"] });
    expect(described.components.schemas.DeviceRegistrations).toMatchObject({ type: "array" });
  });
});

describe("a device's state", () => {
  it("changes, is told to every region, and keeps its reason", async () => {
    await registered([row("dev-1", { note: "kitchen" })]);
    const made = await change("quarantine", "dev-1", { note: "talks to strangers" });
    expect(made.status).toBe(200);
    const { device, generation, pending } = (await made.json()) as { device: Device; generation: number; pending: string[] };
    expect([device.state, device.note, pending]).toEqual(["quarantined", "talks to strangers", []]);
    const again = (await (await change("quarantine", "dev-1")).json()) as { generation: number };
    expect(again.generation).toBe(generation);
    const retired = (await (await change("retire", "dev-1")).json()) as { device: Device; generation: number };
    expect([retired.device.state, retired.device.note]).toEqual(["retired", "talks to strangers"]);
    expect(retired.generation).toBeGreaterThan(generation);
    expect((await list()).used).toBe(1);
    expect((await change("activate", "dev-1")).status).toBe(200);
    expect((await list()).used).toBe(0);
    // Registering it again changes no state.
    await change("retire", "dev-1");
    await registered([row("dev-1", { fleet: "north" })]);
    expect((await list()).devices[0]).toMatchObject({ state: "retired", fleet: "north" });
  });

  it("is that of devices which were registered or seen: a slip of the pen is an error", async () => {
    for (const verb of ["quarantine", "retire", "activate"]) {
      const unknown = await change(verb, "dev-9");
      expect([unknown.status, await codeOf(unknown)]).toEqual([404, "device_unknown"]);
    }
    await seen("dev-9", 1, 2);
    expect(await codeOf(await change("activate", "dev-9"))).toBe("device_unknown");
    expect((await change("quarantine", "dev-9")).status).toBe(200);
    expect((await list()).devices).toMatchObject([{ device: "dev-9", state: "quarantined", firstMs: 1 }]);
    expect(await codeOf(await change("quarantine", "a\nb"))).toBe("request_invalid");
  });

  it("shares the revocations' bound, and says when it is full", async () => {
    await registered([row("dev-1"), row("dev-2")]);
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       INSERT INTO revocations (kind, authenticator, subject, before_ms, expires_ms, reason, who, made_ms)
       SELECT 'token', 'device-tokens', CAST(i AS TEXT), 1, ?2, 'r', 'w', 0 FROM n`,
    )
      .bind(MOST_REVOCATIONS - 1, NOON_MS + 9)
      .run();
    expect((await change("quarantine", "dev-1")).status).toBe(200);
    const full = await change("retire", "dev-2");
    expect([full.status, await codeOf(full)]).toEqual([409, "revocations_full"]);
    const revocation = { kind: "token", authenticator: "device-tokens", subject: "new", reason: "r" };
    expect(await codeOf(await soc.admin("/api/v1/revocations", { json: revocation }))).toBe("revocations_full");
    expect((await change("retire", "dev-1")).status).toBe(200); // it has its place already
    soc.nowMs = NOON_MS + 9;
    expect((await change("retire", "dev-2")).status).toBe(200);
    // A region whose clock is behind sees one more than fits: what is about to expire is left out, the list stays sound.
    const overlay = await region.inside((object) => object.overlay(0));
    const view = new DataView((overlay?.bytes ?? new Uint8Array(16)).slice().buffer);
    expect(view.getUint32(4, true)).toBe(MOST_REVOCATIONS);
  });

  it("is enforced in every region: 403 while it is quarantined, 401 once it is retired, and nothing else", async () => {
    await registered([row("sensor-1"), row("sensor-2")]);
    soc.bindings = { ...env, REGIONS: "weur,enam" };
    const regions = ["weur", "enam"].map((name) => new TestRegion(name));
    const gateways = await Promise.all(regions.map(async () => new Gateway(new FakeRegion(await sealedPolicy(policy, 1)))));
    const spread = async () => {
      for (const [i, one] of regions.entries()) {
        const { region: link, isolate } = gateways[i] as Gateway;
        link.overlays = await one.inside((object) => object.overlay(-1));
        await isolate.refresh(link, Date.now());
        await (gateways[i] as Gateway).reported();
      }
    };
    const answers = async (sub: string) => {
      const all = gateways.map(async (gateway) => gateway.send("/fleet/1", await bearer({ sub })));
      return Promise.all((await Promise.all(all)).map(async (one) => (one.ok ? "let in" : `${one.status} ${await codeOf(one)}`)));
    };
    expect(await answers("sensor-1")).toEqual(["let in", "let in"]);
    await change("quarantine", "sensor-1");
    await spread();
    expect(await answers("sensor-1")).toEqual(["403 device_quarantined", "403 device_quarantined"]);
    expect(await answers("sensor-2")).toEqual(["let in", "let in"]);
    await change("retire", "sensor-1");
    await spread();
    expect(await answers("sensor-1")).toEqual(["401 token_invalid", "401 token_invalid"]);
    await change("activate", "sensor-1");
    await spread();
    expect(await answers("sensor-1")).toEqual(["let in", "let in"]);
    const reasons = (await (gateways[0] as Gateway).reported()).flatMap(({ rollups }) => rollups.map(({ reason }) => reason));
    expect(reasons).toEqual(expect.arrayContaining(["device_quarantined", "revoked"]));
  });
});

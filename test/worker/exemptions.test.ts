import { beforeEach, describe, expect, it } from "vitest";
import { MOST_EXEMPTIONS } from "../../worker/db/exemptions.ts";
import { retain } from "../../worker/region/retention.ts";
import { bearer, FakeRegion, Gateway, sealedPolicy } from "./gateway-fixture.ts";
import { countOf, env, NOON_MS, report, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: binding:FLEET
    owner: devices-team
    auth: [device-tokens]
    limits: [own, place]
    operations: ["GET /fleet/{id}"]
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, keys: [{ kid: d1, secret: env:DEVICE_SECRET }] }
limits:
  - { name: own, by: principal, rate: 1/1h, burst: 1 }
  - { name: place, by: address, rate: 4/1h, burst: 4 }
telemetry: { rowsPerDay: 100000, retainDays: 1 }
`;
const PATH = "/api/v1/exemptions";
const DAY_MS = 86_400_000;

let soc: TestSoc;
let region: TestRegion;

beforeEach(async () => {
  await env.DB.batch(["exemptions", "policies"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  soc = new TestSoc();
  region = new TestRegion();
  await soc.admin("/api/v1/policies", { body: policy });
});

interface Exemption {
  id: number;
  principal: string | null;
  authenticator: string | null;
  address: string | null;
  limit: string | null;
  untilMs: number;
  reason: string;
  who: string;
  madeMs: number;
  endedMs: number | null;
  endedBy: string | null;
}
interface Change {
  generation: number;
  pending: string[];
  exemption: Exemption;
}
const batch = {
  principal: "sensor-1",
  authenticator: "device-tokens",
  limit: "own",
  untilMs: NOON_MS + 1000,
  reason: "month's end",
};
const office = { address: "192.0.2.0/24", untilMs: NOON_MS + 2000, reason: "load test" };
const post = (json: Record<string, unknown>) => soc.admin(PATH, { json });
const make = async (json: Record<string, unknown>) => (await (await post(json)).json()) as Change;
const end = (id: number) => soc.admin(`${PATH}/${id}`, { method: "DELETE" });
const list = async () => (await (await soc.admin(PATH, { method: "GET" })).json()) as { most: number; exemptions: Exemption[] };

describe("the API", () => {
  it("makes an exemption once, lists it, ends it, and shows on who ended it and when", async () => {
    const made = await post(batch);
    expect(made.status).toBe(201);
    const { exemption, generation, pending } = (await made.json()) as Change;
    expect(exemption).toEqual({
      ...batch,
      id: expect.any(Number),
      address: null,
      who: "administrator",
      madeMs: NOON_MS,
      endedMs: null,
      endedBy: null,
    });
    expect(pending).toEqual([]);
    const again = await post({ ...batch, reason: "again" });
    expect([again.status, await again.json()]).toEqual([200, { exemption, generation, pending: [] }]);
    expect(await list()).toEqual({ most: MOST_EXEMPTIONS, exemptions: [exemption] });
    soc.nowMs += 10;
    const ended = await end(exemption.id);
    expect(ended.status).toBe(200);
    expect(((await ended.json()) as Change).generation).toBeGreaterThan(generation);
    expect((await list()).exemptions).toEqual([{ ...exemption, endedMs: NOON_MS + 10, endedBy: "administrator" }]);
    expect([(await end(exemption.id)).status, await codeOf(await end(exemption.id))]).toEqual([404, "exemption_unknown"]);
    const anew = await post(batch);
    expect(anew.status).toBe(201);
    expect(((await anew.json()) as Change).exemption.id).toBeGreaterThan(exemption.id);
  });

  it("writes a network in one way, however it is asked for, and knows it again", async () => {
    const { exemption } = await make({ ...office, address: "::ffff:c000:200/120" });
    expect(exemption).toMatchObject({ address: "192.0.2.0/24", principal: null, authenticator: null, limit: null });
    const again = await post(office);
    expect([again.status, ((await again.json()) as Change).exemption.id]).toEqual([200, exemption.id]);
    expect((await make({ ...office, address: "2001:DB8:0:1:0::/64" })).exemption.address).toBe("2001:db8:0:1::/64");
    expect((await post({ ...office, limit: "place" })).status).toBe(201);
  });

  it("shows what is in force first, and what is over for thirty days", async () => {
    const [first, second, third] = [await make(batch), await make(office), await make({ ...office, untilMs: NOON_MS + 50 })];
    soc.nowMs += 1000;
    const order = [second, first, third].map(({ exemption }) => exemption.id);
    expect((await list()).exemptions.map(({ id }) => id)).toEqual(order);
    expect(await codeOf(await end(first.exemption.id))).toBe("exemption_unknown");
    await retain(env, NOON_MS + 50 + 30 * DAY_MS);
    expect((await list()).exemptions.map(({ id }) => id)).toEqual(order.slice(0, 2));
    await retain(env, NOON_MS + 2000 + 30 * DAY_MS);
    expect(await countOf("SELECT COUNT(*) AS n FROM exemptions")).toBe(0);
  });

  it("takes a session, names it, and takes nobody else", async () => {
    const signedIn = await TestSoc.signedIn();
    const made = (await (await signedIn.call(PATH, { method: "POST", json: batch })).json()) as Change;
    expect(made.exemption.who).toMatch(/^session [0-9a-f]{8}$/);
    for (const [method, path] of [
      ["GET", PATH],
      ["POST", PATH],
      ["DELETE", `${PATH}/${made.exemption.id}`],
    ] as const) {
      const body = method === "POST" ? { json: batch } : {};
      expect([method, await codeOf(await soc.call(path, { method, ...body }))]).toEqual([method, "session_missing"]);
      const headers = { Authorization: "Bearer wrong" };
      expect(await codeOf(await soc.call(path, { method, ...body, headers }))).toBe("admin_token_invalid");
      if (method === "GET") continue;
      const elsewhere = await signedIn.call(path, { method, ...body, origin: "https://else.example" });
      expect(await codeOf(elsewhere)).toBe("origin_mismatch");
    }
    expect((await list()).exemptions).toEqual([made.exemption]);
  });

  it.each([
    ["no such authenticator", { ...batch, authenticator: "gone" }, 422, "authenticator_unknown"],
    ["no such limit", { ...batch, limit: "gone" }, 422, "limit_unknown"],
    ["every IPv4 address", { ...office, address: "0.0.0.0/0" }, 422, "network_too_wide"],
    ["every IPv4 address in another form", { ...office, address: "::ffff:0:0/96" }, 422, "network_too_wide"],
    ["half of IPv4", { ...office, address: "128.0.0.0/7" }, 422, "network_too_wide"],
    ["every IPv6 address", { ...office, address: "::/0" }, 422, "network_too_wide"],
    ["too much of IPv6", { ...office, address: "2000::/15" }, 422, "network_too_wide"],
    ["bits behind the prefix", { ...office, address: "192.0.2.1/24" }, 400, "request_invalid"],
    ["no address", { ...office, address: "example.com" }, 400, "request_invalid"],
    ["an empty address", { ...office, address: "" }, 400, "request_invalid"],
    ["both", { ...batch, address: "192.0.2.1" }, 400, "request_invalid"],
    ["neither", { ...batch, principal: undefined, authenticator: undefined }, 400, "request_invalid"],
    ["a principal of nobody", { ...batch, authenticator: undefined }, 400, "request_invalid"],
    ["an address of an authenticator", { ...office, authenticator: "device-tokens" }, 400, "request_invalid"],
    ["a principal that is too long", { ...batch, principal: "é".repeat(128) }, 400, "request_invalid"],
    ["an empty principal", { ...batch, principal: "" }, 400, "request_invalid"],
    ["an empty limit", { ...batch, limit: "" }, 400, "request_invalid"],
    ["no reason", { ...batch, reason: undefined }, 400, "request_invalid"],
    ["an empty reason", { ...batch, reason: "" }, 400, "request_invalid"],
    ["a reason on two lines", { ...batch, reason: "a\nb" }, 400, "request_invalid"],
    ["no end", { ...batch, untilMs: undefined }, 400, "request_invalid"],
    ["an end that is over", { ...batch, untilMs: NOON_MS }, 400, "request_invalid"],
    ["an end too far", { ...batch, untilMs: NOON_MS + 366 * DAY_MS + 1 }, 400, "request_invalid"],
    ["an unknown member", { ...batch, until: 1 }, 400, "request_invalid"],
  ])("says what is wrong: %s", async (_, json, status, code) => {
    const response = await post(json);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(await countOf("SELECT COUNT(*) AS n FROM exemptions")).toBe(0);
  });

  it("takes the longest that it takes, and the widest", async () => {
    expect((await post({ ...batch, untilMs: NOON_MS + 366 * DAY_MS })).status).toBe(201);
    expect((await post({ ...office, address: "10.0.0.0/8" })).status).toBe(201);
    expect((await post({ ...office, address: "2000::/16" })).status).toBe(201);
    expect((await post({ ...batch, principal: "é".repeat(127), reason: "r".repeat(500) })).status).toBe(201);
  });

  it("says of an address what was expected, by its code", async () => {
    const { problems } = (await (await post({ ...office, address: "0.0.0.0/0" })).json()) as { problems: unknown[] };
    expect(problems).toEqual([
      expect.objectContaining({ path: "json.address", code: "network_too_wide", expected: expect.stringContaining("/8") }),
    ]);
  });

  it("is full at its bound, of those in force and of those kept", async () => {
    const fill = (count: number, untilMs: number) =>
      env.DB.prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO exemptions (authenticator, subject, network, limit_name, limit_hash, until_ms, reason, who, made_ms)
         SELECT 'device-tokens', CAST(i AS TEXT), '', '', '', ?2, 'r', 'w', 0 FROM n`,
      )
        .bind(count, untilMs)
        .run();
    await fill(MOST_EXEMPTIONS, NOON_MS + 9);
    const full = await post(batch);
    expect([full.status, await codeOf(full)]).toEqual([409, "exemptions_full"]);
    soc.nowMs = NOON_MS + 9;
    expect((await post(batch)).status).toBe(201);
    await fill(4096 - MOST_EXEMPTIONS - 1, NOON_MS + 8);
    expect(await codeOf(await post({ ...batch, limit: "place" }))).toBe("exemptions_full");
    expect((await post(batch)).status).toBe(200);
  });
});

describe("the gateway", () => {
  const address = { "CF-Connecting-IP": "192.0.2.7" };
  const send = async (gateway: Gateway, sub: string) => {
    const { headers } = await bearer({ sub });
    return (await gateway.send("/fleet/1", { headers: { ...headers, ...address } })).status;
  };
  const overlay = () => region.inside((object) => object.overlay(0));

  it("is told with its orders, lets the exempt caller pass, and counts it as allowed", async () => {
    const link = new FakeRegion(await sealedPolicy(policy, 1));
    const gateway = new Gateway(link);
    expect([await send(gateway, "sensor-1"), await send(gateway, "sensor-1")]).toEqual([200, 429]);
    const { generation } = await make(batch);
    expect(await region.report(report())).toMatchObject({ overlayGeneration: generation });
    link.overlays = await overlay();
    await gateway.reported();
    await send(gateway, "sensor-2");
    await gateway.reported();
    expect([await send(gateway, "sensor-1"), await send(gateway, "sensor-2")]).toEqual([200, 429]);
    // The limit of the address is another.
    expect([await send(gateway, "sensor-1"), await send(gateway, "sensor-1")]).toEqual([200, 429]);
  });

  it("lets a whole network pass, by every limit, until the exemption is ended", async () => {
    const link = new FakeRegion(await sealedPolicy(policy, 1));
    const { exemption } = await make(office);
    link.overlays = await overlay();
    const gateway = new Gateway(link);
    for (let i = 0; i < 8; i++) expect(await send(gateway, "sensor-1")).toBe(200);
    await end(exemption.id);
    link.overlays = await overlay();
    await gateway.reported();
    await send(gateway, "sensor-1");
    await gateway.reported();
    expect(await send(gateway, "sensor-1")).toBe(429);
    const rollups = (await gateway.reported()).flatMap((one) => one.rollups);
    expect(new Set(rollups.map(({ verdict }) => verdict))).toEqual(new Set(["allow", "refuse"]));
  });
});

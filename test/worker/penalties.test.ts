import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { Overlay } from "../../worker/region/overlay.ts";
import type { BlockList, Orders, RefusalIncrement, Report } from "../../worker/region/report.ts";
import { bearer, FakeRegion, Gateway } from "./gateway-fixture.ts";
import { env, NOON_MS, NOTHING_LOST, refusal, report, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = (rate = "1/1s", penalty = "{ after: 5, block: 10s, most: 40s }") => `
picket: 1
services:
  - { name: fleet, match: { path: /fleet }, upstream: binding:FLEET, owner: devices-team, auth: [device-tokens], limits: [api], operations: ["GET /fleet/{id}"] }
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, keys: [{ kid: d1, secret: env:DEVICE_SECRET }] }
limits:
  - { name: api, by: principal, rate: ${rate}${penalty === "" ? "" : `, penalty: ${penalty}`} }
`;
const PATH = "/api/v1/penalties";
const HOSTILE = "\u0000\u202e<img src=x onerror=alert(1)>'; DROP TABLE penalties;--";

interface Penalty {
  region: string;
  key: string;
  principal: string;
  state: string;
  untilMs: number;
  knocks: number;
  clearedBy: string | null;
}
interface Listing {
  most: number;
  total: number;
  penalties: Penalty[];
  regions: object[];
  silent: string[];
}

let soc: TestSoc;
beforeEach(async () => {
  await env.DB.prepare("DELETE FROM policies").run();
  soc = new TestSoc();
});

async function regionWith(name: string, text = policy()): Promise<TestRegion> {
  soc.bindings = { ...env, REGIONS: name };
  const region = new TestRegion(name);
  await region.inside(() => {});
  expect((await soc.admin("/api/v1/policies", { body: text })).status).toBe(201);
  return region;
}

let seq = 0;
function send(region: TestRegion, name: string, refusals: RefusalIncrement[], over: Partial<Report> = {}): Promise<Orders> {
  return region.report(report({ region: name, seq: ++seq, refused: 1000, refusals, ...over }));
}

const list = async (query = "") => (await (await soc.admin(`${PATH}${query}`, { method: "GET" })).json()) as Listing;
const release = (json: unknown) => soc.admin(`${PATH}/release`, { json });
const keyOf = (n: number) => n.toString(16).padStart(16, "0");

describe("a region's box", () => {
  it("blocks whom its isolates refused too often together, and tells each what it does not know", async () => {
    const region = await regionWith("together");
    const first = { isolate: "00000000000000a1" };
    expect((await send(region, "together", [refusal({ refusals: 3 })], first)).blocks).toBeNull();
    const { blocks } = await send(region, "together", [refusal({ refusals: 2 })]);
    expect(blocks?.changes).toEqual([{ key: "00000000000000aa", leftMs: 10_000 }]);
    region.nowMs += 1000;
    const known = { blocksGeneration: blocks?.generation ?? 0 };
    expect((await send(region, "together", [], known)).blocks).toBeNull();
    expect((await send(region, "together", [], first)).blocks?.changes).toEqual([{ key: "00000000000000aa", leftMs: 9000 }]);
    expect(await region.inside((object) => object.blocks(0))).toMatchObject({ changes: [{ leftMs: 9000 }] });
    expect(await region.inside((object) => object.blocks(known.blocksGeneration))).toBeNull();
  });

  it("counts a report once, however often it comes, and none that is malformed", async () => {
    const region = await regionWith("once");
    const one = report({ region: "once", refused: 1000, refusals: [refusal({ refusals: 4 })] });
    for (let i = 0; i < 3; i++) expect((await region.report(one)).blocks).toBeNull();
    const bad = { ...one, seq: 2, refusals: [refusal({ refusals: 4 }), refusal({ refusals: 4 })] };
    expect(await region.report(bad)).toMatchObject({ refused: "report_refusals_invalid", blocks: null });
    expect((await region.report({ ...one, seq: 3 })).blocks?.changes).toHaveLength(1);
  });

  it("keeps blocks, doublings and who let out whom through a restart, whatever a principal is called", async () => {
    const region = await regionWith("restarts");
    await send(region, "restarts", [
      refusal({ refusals: 5, principal: HOSTILE }),
      refusal({ refusals: 5, key: keyOf(2), principal: "two" }),
    ]);
    expect((await release({ limit: "api", principal: "two" })).status).toBe(200);
    const before = await list();
    expect(before.penalties.map(({ principal, state }) => [principal, state])).toEqual([
      [HOSTILE, "blocked"],
      ["two", "released"],
    ]);
    await evictDurableObject(region.stub);
    region.nowMs += 9_999;
    await region.inside(() => {});
    expect(await list()).toEqual(before);
    expect((await send(region, "restarts", [])).blocks?.changes).toEqual([{ key: "00000000000000aa", leftMs: 1 }]);
    region.nowMs += 1;
    const again = await send(region, "restarts", [refusal({ refusals: 5, principal: HOSTILE })]);
    expect(again.blocks?.changes).toEqual([{ key: "00000000000000aa", leftMs: 20_000 }]);
    const rows = await region.inside((_, state) => [...state.storage.sql.exec("SELECT key FROM penalties")].length);
    expect(rows).toBe(2);
  });

  it("lets everybody out of a limit that is taken off, and tells isolates so", async () => {
    const region = await regionWith("taken-off");
    const { blocks } = await send(region, "taken-off", [refusal({ refusals: 5 })]);
    expect((await soc.admin("/api/v1/policies", { body: policy("1/1s", "") })).status).toBe(201);
    const after = await send(region, "taken-off", [refusal({ refusals: 99 })], { blocksGeneration: blocks?.generation ?? 0 });
    expect(after.blocks?.changes).toEqual([{ key: "00000000000000aa", leftMs: 0 }]);
    expect((await list()).penalties).toMatchObject([{ state: "released", clearedBy: expect.stringMatching(/^policy \d+$/) }]);
  });
});

describe("the console's API", () => {
  it("is for the administrator and signed-in callers, from the console's own origin", async () => {
    const signedIn = await TestSoc.signedIn();
    for (const [method, path] of [
      ["GET", PATH],
      ["POST", `${PATH}/release`],
    ] as const) {
      const json = method === "POST" ? { json: { limit: "api", key: keyOf(1) } } : {};
      expect(await codeOf(await soc.call(path, { method, ...json }))).toBe("session_missing");
      const headers = { Authorization: "Bearer wrong" };
      expect(await codeOf(await soc.call(path, { method, ...json, headers }))).toBe("admin_token_invalid");
      if (method === "POST") {
        expect(await codeOf(await signedIn.call(path, { method, ...json, origin: "https://else.example" }))).toBe(
          "origin_mismatch",
        );
      }
    }
    expect((await signedIn.call(PATH)).status).toBe(200);
  });

  it("shows the boxes of all regions as one, who is blocked first, and names those that do not answer", async () => {
    const names = ["one", "two"];
    const regions = await Promise.all(names.map((name) => regionWithPolicyOf(name)));
    const [one, two] = regions as [TestRegion, TestRegion];
    await send(one, "one", [refusal({ refusals: 5, knocks: 3, principal: "early" })]);
    one.nowMs += 500;
    two.nowMs += 500;
    await send(two, "two", [refusal({ refusals: 5, key: keyOf(2), principal: "late" })], {
      counters: { ...NOTHING_LOST, refusalsUnlisted: 7 },
    });
    const broken = { getByName: () => ({ penalties: () => Promise.reject(new Error("away")) }) };
    const getByName = (name: string) => (name === "gone" ? broken.getByName() : env.REGION_OBJECTS.getByName(name));
    soc.bindings = { ...env, REGIONS: "one,two,gone", REGION_OBJECTS: { getByName } as never };
    const all = await list();
    expect(all).toMatchObject({ most: 1024, total: 2, silent: ["gone"] });
    expect(all.penalties).toMatchObject([
      { region: "two", principal: "late", authenticator: "device-tokens", address: "192.0.2.7", state: "blocked" },
      { region: "one", principal: "early", knocks: 3, refusals: 5, level: 0, sinceMs: NOON_MS, untilMs: NOON_MS + 10_000 },
    ]);
    expect(all.regions).toEqual([
      { region: "one", refusalsUnlisted: 0, keysForgotten: 0, blocksUnkept: 0 },
      { region: "two", refusalsUnlisted: 7, keysForgotten: 0, blocksUnkept: 0 },
    ]);
    expect((await list("?principal=late")).penalties).toHaveLength(1);
    expect((await list("?limit=api")).total).toBe(2);
    expect((await list("?limit=other")).total).toBe(0);
    one.nowMs += 10_000;
    two.nowMs += 9_999;
    for (const region of regions) await region.inside(() => {});
    expect((await list()).penalties.map(({ state }) => state)).toEqual(["blocked", "over"]);
  });

  it("lists so many at most, and says how many there are", async () => {
    const region = await regionWith("crowded");
    for (let round = 0; round < 3; round++) {
      const keys = Array.from({ length: 200 }, (_, i) => refusal({ refusals: 5, key: keyOf(round * 1000 + i + 1) }));
      await send(region, "crowded", keys);
    }
    const { penalties, total } = await list();
    expect([penalties.length, total]).toEqual([500, 600]);
  });

  it("lets out in every region, by key or by name, and says who did it", async () => {
    const regions = await Promise.all(["left", "right"].map((name) => regionWithPolicyOf(name)));
    soc.bindings = { ...env, REGIONS: "left,right" };
    const long = "é".repeat(60);
    for (const [i, name] of ["left", "right"].entries()) {
      await send(regions[i] as TestRegion, name, [
        refusal({ refusals: 5, principal: long.slice(0, 48) }),
        refusal({ refusals: 5, key: keyOf(2), principal: "other" }),
      ]);
    }
    const answer = await release({ limit: "api", principal: long, authenticator: "device-tokens" });
    expect(await answer.json()).toMatchObject({
      released: ["left", "right"].map((region) => ({
        region,
        state: "released",
        clearedBy: "administrator",
        clearedMs: NOON_MS,
      })),
      pending: [],
    });
    expect(await codeOf(await release({ limit: "api", principal: long }))).toBe("penalty_unknown");
    expect(await codeOf(await release({ limit: "api", key: keyOf(3) }))).toBe("penalty_unknown");
    expect(await codeOf(await release({ limit: "api", principal: "other", authenticator: "else" }))).toBe("penalty_unknown");
    const getByName = (name: string) =>
      name === "gone" ? { release: () => Promise.reject(new Error("away")) } : env.REGION_OBJECTS.getByName(name);
    soc.bindings = { ...env, REGIONS: "left,right,gone", REGION_OBJECTS: { getByName } as never };
    const none = await release({ limit: "api", key: keyOf(3) });
    expect([none.status, await codeOf(none)]).toEqual([503, "region_unavailable"]);
    expect(await (await release({ limit: "api", key: keyOf(2) })).json()).toMatchObject({
      released: [{ principal: "other" }, { principal: "other" }],
      pending: ["gone"],
    });
  });

  it.each([
    ["no limit", { key: keyOf(1) }],
    ["neither key nor name", { limit: "api" }],
    ["both", { limit: "api", key: keyOf(1), principal: "p" }],
    ["a bad key", { limit: "api", key: "xyz" }],
    ["an authenticator with a key", { limit: "api", key: keyOf(1), authenticator: "a" }],
    ["a name on two lines", { limit: "api", principal: "a\nb" }],
    ["an unknown member", { limit: "api", key: keyOf(1), force: true }],
  ])("says what is wrong: %s", async (_, json) => {
    const response = await release(json);
    expect([response.status, await codeOf(response)]).toEqual([400, "request_invalid"]);
  });
});

/** Another region under the same policy. */
async function regionWithPolicyOf(name: string): Promise<TestRegion> {
  const region = new TestRegion(name);
  if ((await env.DB.prepare("SELECT COUNT(*) AS n FROM policies").first<number>("n")) === 0) {
    soc.bindings = { ...env, REGIONS: name };
    await soc.admin("/api/v1/policies", { body: policy() });
  }
  await region.inside(async (object) => void (await object.policy()));
  return region;
}

/** The region's object itself, by its own clock. */
class RealRegion extends FakeRegion {
  readonly #stub = env.REGION_OBJECTS.getByName("test");
  constructor() {
    super(null);
  }
  override async report(one: Report): Promise<Orders> {
    this.reports.push(structuredClone(one));
    return this.#stub.report(one);
  }
  override async policy() {
    return this.#stub.policy();
  }
  override async policyVersion(): Promise<number> {
    return this.#stub.policyVersion();
  }
  override async overlay(after: number): Promise<Overlay | null> {
    return this.#stub.overlay(after);
  }
  override async blocks(after: number): Promise<BlockList | null> {
    return this.#stub.blocks(after);
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("requests, isolates and their region", () => {
  it("who is refused too often is told to wait by every isolate, nobody else is, and who is let out gets in again", async () => {
    soc.nowMs = Date.now();
    soc.bindings = { ...env, REGIONS: "test" };
    await soc.admin("/api/v1/policies", { body: policy("1/3s", "{ after: 5, block: 30s }") });
    const [one, two] = ["00000000000000a1", "00000000000000a2"].map((id) => new Gateway(new RealRegion(), id)) as [
      Gateway,
      Gateway,
    ];
    const mallory = await bearer({ sub: "\u202e<script>mallory" });
    const honest = await bearer({ sub: "honest" });
    const call = async (gateway: Gateway, who: RequestInit) => {
      const response = await gateway.send("/fleet/1", who);
      const waitS = Number(response.headers.get("Retry-After"));
      return { answer: response.ok ? "let in" : `${response.status} ${await codeOf(response)}`, waitS };
    };
    const all = [];
    for (let i = 0; i < 6; i++) all.push((await call(one, mallory)).answer);
    expect(all).toEqual(["let in", ...new Array(5).fill("429 rate_limited")]);
    await one.reported();
    // The other isolate, which saw nothing of it, hears of it with its first orders.
    expect((await call(two, honest)).answer).toBe("let in");
    await two.reported();
    for (const gateway of [one, two, one]) {
      const { answer, waitS } = await call(gateway, mallory);
      expect(answer).toBe("429 blocked");
      expect(waitS).toBeGreaterThan(10);
      expect(waitS).toBeLessThanOrEqual(30);
      expect((await call(gateway, await bearer({ sub: `other-${Math.random()}` }))).answer).toBe("let in");
    }
    await Promise.all([one.reported(), two.reported()]);
    expect(one.region.reports.flatMap(({ rollups }) => rollups.map(({ reason }) => reason))).toContain("blocked");
    const { penalties } = await list();
    expect(penalties).toMatchObject([{ principal: "\u202e<script>mallory", state: "blocked", refusals: 5, knocks: 3, level: 0 }]);

    expect((await release({ limit: "api", key: penalties[0]?.key })).status).toBe(200);
    // One isolate goes on reporting; the other has been silent, and asks before it decides.
    await call(one, honest);
    await one.reported();
    expect((await call(one, mallory)).answer).toBe("let in");
    await sleep(1600);
    expect((await call(two, mallory)).answer).toBe("let in");
    await Promise.all([one.reported(), two.reported()]);
    expect((await list()).penalties).toMatchObject([{ state: "released", clearedBy: "administrator" }]);
  });

  it("an isolate whose core was replaced gets its blocks again", async () => {
    soc.nowMs = Date.now();
    soc.bindings = { ...env, REGIONS: "test" };
    await soc.admin("/api/v1/policies", { body: policy("1/1h") });
    const gateway = new Gateway(new RealRegion(), "00000000000000b1");
    const mallory = await bearer({ sub: "mallory" });
    const honest = async () => gateway.send("/fleet/1", await bearer({ sub: `${Math.random()}` }));
    for (let i = 0; i < 6; i++) await gateway.send("/fleet/1", mallory);
    await gateway.reported();
    expect(await codeOf(await gateway.send("/fleet/1", mallory))).toBe("blocked");
    gateway.trap = true;
    await honest();
    await honest();
    await gateway.reported();
    expect(await codeOf(await gateway.send("/fleet/1", mallory))).toBe("blocked");
    await gateway.reported();
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readApiKey } from "../../worker/db/api-keys.ts";
import type { StoredKey } from "../../worker/gateway/key-lookups.ts";
import { makeKey } from "../../worker/policy/key-format.ts";
import { FakeRegion, Gateway, sealedPolicy } from "./gateway-fixture.ts";
import { env, NOON_MS, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = (lookups = "{ rate: 1000/1s, burst: 1000 }") => `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: binding:FLEET
    owner: devices-team
    auth: [partner-keys]
    operations: ["GET /fleet/{id}", { method: POST, path: "/fleet/{id}", scopes: [write] }]
roles: { writer: [write] }
authenticators:
  - { name: partner-keys, type: api-key, stored: true, environment: live, lookups: ${lookups} }
telemetry: { rowsPerDay: 100000, retainDays: 1 }
`;

let nowMs = NOON_MS;
let soc: TestSoc;
let region: TestRegion;
let gateway: Gateway;

beforeEach(async () => {
  nowMs += 86_400_000; // never back: the region is the same in all tests
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  await env.DB.batch(["api_keys", "revocations", "policies"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  soc = new TestSoc();
  region = new TestRegion();
  pass(0);
  await soc.admin("/api/v1/policies", { body: policy() });
  await start(policy());
});
afterEach(() => void vi.restoreAllMocks());

async function start(text: string): Promise<void> {
  gateway = new Gateway(new FakeRegion(await sealedPolicy(text, 1)));
  gateway.keyStore = (authenticator, sha256) => readApiKey(env.DB, authenticator, sha256);
}

/** Time goes by, for everybody. */
function pass(ms: number): void {
  nowMs += ms;
  soc.nowMs = nowMs;
  region.nowMs = nowMs;
}

/** What isolates hear with their next orders: within two seconds. */
async function hear(): Promise<void> {
  gateway.region.overlays = await region.inside((object) => object.overlay(0));
  pass(2_000);
}

interface Made {
  key: string;
  apiKey: { id: string; lastUsedMs: number | null; disabledMs: number | null; expiresMs: number | null };
  generation: number;
  pending: string[];
}
const acme = { authenticator: "partner-keys", id: "acme", kind: "partner", scopes: ["write"], reason: "a new partner" };
async function make(over: Record<string, unknown> = {}): Promise<string> {
  const response = await soc.admin("/api/v1/api-keys", { json: { ...acme, ...over } });
  expect(response.status).toBe(201);
  return ((await response.json()) as Made).key;
}
const change = (name: string, body: Record<string, unknown> = {}, id = "acme") =>
  soc.admin(`/api/v1/api-keys/partner-keys/${id}/${name}`, { json: { reason: "a test", ...body } });

/** The answer's status, and its code where it is a refusal. */
async function send(key: string, address = "192.0.2.1", method = "POST", path = "/fleet/1"): Promise<string> {
  const response = await gateway.send(path, { method, headers: { "X-Api-Key": key, "CF-Connecting-IP": address } });
  if (response.status !== 200) return `${response.status} ${await codeOf(response)}`;
  await response.text();
  return "200";
}
const reasons = async () => {
  gateway.region.reports = [];
  pass(20_000);
  const all = (await gateway.reported()).flatMap((one) => one.rollups);
  return all.map(({ verdict, reason, requests }) => `${verdict} ${reason} ${requests}`);
};

describe("a key's life", () => {
  it("is made, shown once, used, and looked up once a minute at most", async () => {
    const key = await make();
    expect(key).toMatch(/^pk_live_/);
    expect(await send(key)).toBe("200");
    expect(gateway.seen[0]?.headers.get("picket-principal")).toBe("acme");
    for (let i = 0; i < 50; i++) expect(await send(key)).toBe("200");
    expect(gateway.isolate.keyLookups.reads).toBe(1);
    const rows = JSON.stringify((await env.DB.prepare("SELECT * FROM api_keys").all()).results);
    expect(rows).not.toContain(key.slice(8));
    expect(JSON.stringify(await (await soc.admin("/api/v1/api-keys", { method: "GET" })).json())).not.toContain(key.slice(8));
  });

  it("is read anew while it serves, and then without anybody waiting", async () => {
    const key = await make();
    await send(key);
    for (let s = 0; s < 300; s += 10) {
      expect(await send(key)).toBe("200");
      await gateway.reported();
      pass(10_000);
    }
    // Every 30 s, in steps of 10 s.
    expect(gateway.isolate.keyLookups.reads).toBeGreaterThanOrEqual(9);
    expect(gateway.isolate.keyLookups.reads).toBeLessThanOrEqual(11);
  });

  it("is disabled within two seconds, and enabled", async () => {
    const key = await make();
    expect(await send(key)).toBe("200");
    const disabled = await change("disable");
    expect(disabled.status).toBe(200);
    expect(((await disabled.json()) as Made).apiKey.disabledMs).toBe(nowMs);
    await hear();
    expect(await send(key)).toBe("401 token_invalid");
    // Long after the revocation is over D1's word holds alone.
    pass(700_000);
    await env.DB.prepare("DELETE FROM revocations").run();
    gateway.region.overlays = {
      version: nowMs * 2,
      bytes: (await region.inside((object) => object.overlay(0)))?.bytes as Uint8Array,
    };
    expect(await send(key)).toBe("401 token_invalid");
    await change("enable");
    pass(5_001);
    expect(await send(key)).toBe("200");
  });

  it("is enabled at once where it was disabled lately", async () => {
    const key = await make();
    await send(key);
    await change("disable");
    await hear();
    expect(await send(key)).toBe("401 token_invalid");
    await change("enable");
    await hear();
    expect(await send(key)).toBe("200");
  });

  it("is rerolled: both keys are the same caller until the grace ends, exactly then", async () => {
    const first = await make();
    expect(await send(first)).toBe("200");
    pass(1);
    const answer = await change("reroll", { graceMs: 3_600_000 });
    expect(answer.status).toBe(201);
    const { key: second } = (await answer.json()) as Made;
    const endMs = nowMs + 3_600_000;
    await hear();
    expect([await send(first), await send(second)]).toEqual(["200", "200"]);
    expect(gateway.seen.map(({ headers }) => headers.get("picket-principal"))).toEqual(["acme", "acme", "acme"]);
    pass(endMs - nowMs - 30_000);
    expect([await send(first), await send(second)]).toEqual(["200", "200"]); // what was read now holds past the end
    pass(29_999);
    expect(await send(first)).toBe("200");
    pass(1);
    expect([await send(first), await send(second)]).toEqual(["401 api_key_invalid", "200"]);
    expect(await reasons()).toContain("refuse api_key_expired 1");
  });

  it("is rerolled without grace: the key before ends within two seconds, the new one goes on", async () => {
    const first = await make();
    expect(await send(first)).toBe("200");
    const { key: second } = (await (await change("reroll", { graceMs: 0 })).json()) as Made;
    await hear();
    expect([await send(first), await send(second)]).toEqual(["401 token_invalid", "200"]);
    // Disabled and enabled: what had ended stays so.
    await change("disable");
    await hear();
    expect(await send(second)).toBe("401 token_invalid");
    await change("enable");
    await hear();
    expect([await send(first), await send(second)]).toEqual(["401 token_invalid", "200"]);
  });

  it("is rerolled twice: the first of three ends at once, the second has its grace", async () => {
    const first = await make();
    pass(1);
    const { key: second } = (await (await change("reroll")).json()) as Made;
    expect([await send(first), await send(second)]).toEqual(["200", "200"]);
    pass(1);
    const { key: third } = (await (await change("reroll")).json()) as Made;
    await hear();
    expect([await send(first), await send(second), await send(third)]).toEqual(["401 token_invalid", "200", "200"]);
    await change("disable");
    await change("enable");
    await hear();
    expect([await send(first), await send(second), await send(third)]).toEqual(["401 token_invalid", "200", "200"]);
  });

  it("ends now, or at an instant that is known everywhere before it comes; and does not come back", async () => {
    const key = await make();
    expect(await send(key)).toBe("200");
    expect(await codeOf(await change("expire", { expiresMs: nowMs + 60_000 }))).toBe("request_invalid");
    expect((await change("expire", { expiresMs: nowMs + 120_000 })).status).toBe(200);
    expect((await change("expire", { expiresMs: nowMs + 500_000 })).status).toBe(200); // never later
    pass(119_999);
    expect(await send(key)).toBe("200");
    pass(1);
    expect(await send(key)).toBe("401 api_key_invalid");
    for (const name of ["disable", "enable", "reroll", "expire"]) expect(await codeOf(await change(name))).toBe("api_key_ended");
    const other = await make({ id: "other" });
    expect(await send(other)).toBe("200");
    await change("expire", {}, "other");
    await hear();
    expect(await send(other)).toBe("401 token_invalid");
    pass(60_000);
    expect(await send(other)).toBe("401 api_key_invalid");
  });

  it("stays revoked when somebody revoked it beside, and is lifted by them alone", async () => {
    const key = await make();
    await send(key);
    await change("disable");
    const revocation = { kind: "credential", authenticator: "partner-keys", subject: "acme", reason: "leaked" };
    expect((await soc.admin("/api/v1/revocations", { json: revocation })).status).toBe(201);
    await change("enable");
    await hear();
    expect(await send(key)).toBe("401 token_invalid");
    const unknown = await soc.admin("/api/v1/revocations", { json: { ...revocation, subject: "acne" } });
    expect(await codeOf(unknown)).toBe("credential_unknown");
  });

  it("may be used from its networks alone, with its roles, by its authenticator", async () => {
    const key = await make({ addresses: ["198.51.100.0/24"], scopes: [], roles: ["writer"] });
    expect(await send(key)).toBe("403 address_not_allowed");
    expect(await send(key, "198.51.100.9")).toBe("200");
    const refused = await gateway.send("/fleet/1", { headers: { "X-Api-Key": key } });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([403, 'ApiKey realm="picket"']);
    expect(await send(await make({ id: "weak", scopes: [] }))).toBe("403 scope_missing");
  });

  it("says when it was last used, as the regions report it", async () => {
    await make();
    const lastUsed = async () => {
      const listed = (await (await soc.admin("/api/v1/api-keys", { method: "GET" })).json()) as { apiKeys: Made["apiKey"][] };
      return listed.apiKeys.map((one) => one.lastUsedMs);
    };
    expect(await lastUsed()).toEqual([null]);
    const row = ["partner-keys", "acme", "partner", "acme", "", "", 0, 1, 77, 0, 0, 0];
    await env.DB.prepare(
      `INSERT INTO principals (authenticator, principal, kind, credential, scopes, roles, endless, first_ms, last_ms, address_day,
         address_low, address_high) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
    )
      .bind(...row)
      .run();
    expect(await lastUsed()).toEqual([77]);
    await env.DB.prepare("DELETE FROM principals").run();
  });
});

describe("look-ups", () => {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const junk = (count: number) => Array.from({ length: count }, () => makeKey("live", random));

  it("read a few rows of many, whichever of a key's two digests is asked for", async () => {
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
       INSERT INTO api_keys (authenticator, id, sha256, environment, kind, scopes, roles, owner, addresses, created_ms, made_ms,
         previous_sha256, previous_made_ms, previous_until_ms, who, reason, changed_ms, version)
       SELECT 'partner-keys', 'k' || i, 'a' || i, 'live', 'service', '', '[]', '', '[]', 1, 2, 'b' || i, 1, 9, 'w', 'r', 2, 1 FROM n`,
    ).run();
    const read: number[] = [];
    const db = {
      prepare: (sql: string) => ({
        bind: (...values: unknown[]) => ({
          first: async () => {
            const { results, meta } = await env.DB.prepare(sql)
              .bind(...values)
              .all();
            read.push(meta.rows_read);
            return results[0] ?? null;
          },
        }),
      }),
    } as unknown as D1Database;
    expect(await readApiKey(db, "partner-keys", "a1999")).toMatchObject({ id: "k1999", madeMs: 2, expiresMs: null });
    expect(await readApiKey(db, "partner-keys", "b1999")).toMatchObject({ id: "k1999", madeMs: 1, expiresMs: 9 });
    expect(await readApiKey(db, "partner-keys", "c1999")).toBeNull();
    expect(await readApiKey(db, "other", "a1999")).toBeNull();
    expect(Math.max(...read)).toBeLessThanOrEqual(4);
  });

  it("are bounded by the address's allowance, whatever well-formed junk it sends; others go on", async () => {
    await start(policy("{ rate: 1/1m, burst: 10 }"));
    const key = await make();
    const answers = await Promise.all(junk(500).map((one) => send(one, "192.0.2.66")));
    expect(answers.filter((one) => one === "401 api_key_invalid").length).toBe(10);
    expect(answers.filter((one) => one === "429 verification_limited").length).toBe(490);
    expect(gateway.isolate.keyLookups.reads).toBe(10);
    expect(await send(key, "192.0.2.7")).toBe("200");
    expect(await send(key, "192.0.2.66")).toBe("200"); // a key that is known costs nothing
  });

  it("of one junk key come once in five seconds, and of what has no checksum never", async () => {
    const [one = ""] = junk(1);
    for (let i = 0; i < 20; i++) expect(await send(one)).toBe("401 api_key_invalid");
    expect(gateway.isolate.keyLookups.reads).toBe(1);
    pass(5_001);
    await send(one);
    expect(gateway.isolate.keyLookups.reads).toBe(2);
    for (const other of [`${one}x`, one.slice(0, -1), makeKey("test", random), "acme"]) await send(other);
    expect(gateway.isolate.keyLookups.reads).toBe(2);
  });

  it("of one key are one, however many requests need it at a time", async () => {
    const key = await make();
    expect(await Promise.all(Array.from({ length: 100 }, () => send(key)))).toEqual(Array(100).fill("200"));
    expect(gateway.isolate.keyLookups.reads).toBe(1);
  });

  it("are so many at a time and no more", async () => {
    const waiting: (() => void)[] = [];
    gateway.keyStore = () => new Promise<StoredKey | null>((resolve) => waiting.push(() => resolve(null)));
    const answers = junk(40).map((one) => send(one));
    await vi.waitFor(() => expect(gateway.isolate.keyLookups.crowded).toBe(8));
    expect(waiting.length).toBe(32);
    // A key that is known is still read anew.
    const renewed = gateway.isolate.keyLookups.find(async () => null, "partner-keys", "known", true);
    expect(await renewed).toMatchObject({ ok: true, key: null });
    for (const answer of waiting) answer();
    const all = await Promise.all(answers);
    expect(all.filter((one) => one === "503 keys_unavailable").length).toBe(8);
    expect(all.filter((one) => one === "401 api_key_invalid").length).toBe(32);
  });

  it("fail closed while D1 is away: what is known goes on for its minute, what is not is answered with 503", async () => {
    const key = await make();
    const other = await make({ id: "other" });
    const { keyStore } = gateway;
    expect(await send(key)).toBe("200");
    gateway.keyStore = async () => {
      throw new Error("D1_ERROR: away");
    };
    expect(await send(other)).toBe("503 keys_unavailable");
    for (let s = 0; s < 60; s += 4) {
      expect([s, await send(key)]).toEqual([s, "200"]);
      await gateway.reported();
      pass(4_000);
    }
    expect(await send(key)).toBe("503 keys_unavailable");
    gateway.keyStore = keyStore;
    pass(1);
    expect([await send(key), await send(other)]).toEqual(["200", "200"]);
  });

  it("take nothing that is not sound: a key whose networks cannot be read is usable nowhere", async () => {
    const key = await make();
    await env.DB.prepare(`UPDATE api_keys SET addresses = '["anywhere"]'`).run();
    expect(await send(key)).toBe("401 api_key_invalid");
  });

  it("count for nothing under a policy that came into force meanwhile", async () => {
    const key = await make();
    const { keyStore } = gateway;
    let reads = 0;
    gateway.keyStore = async (authenticator, sha256) => {
      if (++reads === 1) {
        gateway.region.sealed = await sealedPolicy(policy(), 2);
        await gateway.isolate.refresh(gateway.region, nowMs);
      }
      return keyStore(authenticator, sha256);
    };
    expect([await send(key), reads]).toEqual(["200", 2]);
  });
});

describe("a key in the query", () => {
  it("is no credential; it is counted and shown, and stands nowhere", async () => {
    const key = await make();
    expect(await send("", "192.0.2.1", "GET", `/fleet/1?api_key=${key}`)).toBe("401 credential_in_query");
    expect(await send(key, "192.0.2.1", "GET", `/fleet/1?a=b&key=${key}&c=d`)).toBe("200");
    const others = [
      `/fleet/1?key=${key}x`,
      `/fleet/1?key=${key.slice(0, -1)}`,
      "/fleet/1?key=pk_live_",
      `/fleet/1?${key.replace("_", "-")}`,
    ];
    for (const path of others) expect([path, await send(key, "192.0.2.1", "GET", path)]).toEqual([path, "200"]);
    expect(await reasons()).toEqual(
      expect.arrayContaining(["refuse credential_in_query 1", "shadow credential_in_query 1", "allow  4"]),
    );
    expect(JSON.stringify(gateway.region.reports)).not.toContain(key.slice(8));
  });
});

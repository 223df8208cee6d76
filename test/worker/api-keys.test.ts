import { beforeEach, describe, expect, it } from "vitest";
import { MOST_API_KEYS } from "../../worker/db/api-keys.ts";
import { MOST_REVOCATIONS } from "../../worker/db/revocations.ts";
import { retain } from "../../worker/region/retention.ts";
import { acmeDigest } from "./gateway-fixture.ts";
import { countOf, env, NOON_MS } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = (more = "") => `
picket: 1
services:
  - { name: fleet, match: { path: /fleet }, upstream: binding:FLEET, owner: o, auth: [partner-keys, loose, tokens], operations: [GET /fleet] }
roles: { writer: [write] }
authenticators:
  - { name: partner-keys, type: api-key, stored: true, environment: live, keys: [{ id: acme, sha256: "${acmeDigest}" }${more}] }
  - { name: loose, type: api-key, header: X-Loose, stored: true }
  - { name: closed, type: api-key, header: X-Closed, keys: [{ id: x, sha256: "${acmeDigest}" }] }
  - { name: tokens, type: jwt, issuer: https://id.example, audience: fleet, keys: [{ kid: d1, secret: env:DEVICE_SECRET }] }
`;

let soc: TestSoc;

beforeEach(async () => {
  await env.DB.batch(["api_keys", "revocations", "policies"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  soc = new TestSoc();
  await soc.admin("/api/v1/policies", { body: policy() });
});

const one = { authenticator: "partner-keys", id: "p1", reason: "a test" };
const make = (over: Record<string, unknown> = {}) => soc.admin("/api/v1/api-keys", { json: { ...one, ...over } });
const change = (name: string, body: Record<string, unknown> = {}, id = "p1", authenticator = "partner-keys") =>
  soc.admin(`/api/v1/api-keys/${authenticator}/${encodeURIComponent(id)}/${name}`, { json: { reason: "a test", ...body } });
const list = async (query = "") =>
  (await (await soc.admin(`/api/v1/api-keys${query}`, { method: "GET" })).json()) as {
    apiKeys: { authenticator: string; id: string }[];
    next: string | null;
  };

it("makes a key with all that is asked, sorted, once", async () => {
  const asked = { kind: "agent", scopes: ["b", "a", "b"], roles: ["writer"], owner: "me", addresses: ["2001:db8::/32"] };
  const made = await make({ ...asked, expiresMs: NOON_MS + 1 });
  expect([made.status, made.headers.get("cache-control")]).toEqual([201, "no-store"]);
  const { key, apiKey } = (await made.json()) as { key: string; apiKey: Record<string, unknown> };
  expect(key).toMatch(/^pk_live_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/);
  expect(apiKey).toEqual({
    ...one,
    ...asked,
    scopes: ["a", "b"],
    environment: "live",
    createdMs: NOON_MS,
    madeMs: NOON_MS,
    changedMs: NOON_MS,
    expiresMs: NOON_MS + 1,
    disabledMs: null,
    previousUntilMs: null,
    lastUsedMs: null,
    who: "administrator",
  });
  expect(await list()).toEqual({ most: MOST_API_KEYS, apiKeys: [apiKey], next: null });
  const again = await make();
  expect([again.status, await codeOf(again)]).toEqual([409, "api_key_exists"]);
});

it.each([
  [{}, "loose", "live"],
  [{ environment: "test" }, "loose", "test"],
  [{ environment: "live" }, "partner-keys", "live"],
])("%o at %s makes a key for %s", async (over, authenticator, environment) => {
  const { key } = (await (await make({ ...over, authenticator })).json()) as { key: string };
  expect(key.split("_")[1]).toBe(environment);
});

describe("what cannot be", () => {
  it.each([
    ["no such authenticator", { authenticator: "gone" }, 422, "authenticator_unknown"],
    ["tokens", { authenticator: "tokens" }, 422, "authenticator_without_store"],
    ["keys of the policy alone", { authenticator: "closed" }, 422, "authenticator_without_store"],
    ["another environment", { environment: "test" }, 422, "environment_mismatch"],
    ["no such role", { roles: ["reader"] }, 422, "role_unknown"],
    ["an id of the policy's", { id: "acme" }, 409, "api_key_exists"],
    ["no id", { id: "" }, 400, "request_invalid"],
    ["an id with a blank", { id: "a b" }, 400, "request_invalid"],
    ["an id that is too long", { id: "a".repeat(65) }, 400, "request_invalid"],
    ["no reason", { reason: undefined }, 400, "request_invalid"],
    ["a reason on two lines", { reason: "a\nb" }, 400, "request_invalid"],
    ["an unknown kind", { kind: "robot" }, 400, "request_invalid"],
    ["an unknown member", { sha256: acmeDigest }, 400, "request_invalid"],
    ["a scope with a blank", { scopes: ["a b"] }, 400, "request_invalid"],
    ["scopes that do not fit", { scopes: ["s".repeat(128), "t".repeat(128)] }, 400, "request_invalid"],
    ["a host's address as a network", { addresses: ["192.0.2.1/24"] }, 400, "request_invalid"],
    ["a name as a network", { addresses: ["example.com"] }, 400, "request_invalid"],
    ["too many networks", { addresses: Array(9).fill("192.0.2.1") }, 400, "request_invalid"],
    ["an environment of another form", { authenticator: "loose", environment: "Live" }, 400, "request_invalid"],
    ["an end that is over", { expiresMs: NOON_MS }, 400, "request_invalid"],
    ["half an instant", { expiresMs: NOON_MS + 0.5 }, 400, "request_invalid"],
    ["a body that is too large", { reason: "r".repeat(5000) }, 413, "body_too_large"],
  ])("is said: %s", async (_, over, status, code) => {
    const response = await make(over);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(await countOf("SELECT COUNT(*) AS n FROM api_keys")).toBe(0);
  });

  it.each([
    ["reroll", { graceMs: 1 }, "request_invalid"],
    ["reroll", { graceMs: 119_999 }, "request_invalid"],
    ["reroll", { graceMs: -1 }, "request_invalid"],
    ["reroll", { graceMs: 31 * 86_400_000 }, "request_invalid"],
    ["reroll", { reason: "" }, "request_invalid"],
    ["expire", { expiresMs: NOON_MS - 1 }, "request_invalid"],
    ["expire", { expiresMs: NOON_MS + 119_999 }, "request_invalid"],
    ["disable", { until: 1 }, "request_invalid"],
    ["enable", { reason: undefined }, "request_invalid"],
  ])("is said: %s %o", async (name, body, code) => {
    await make();
    expect(await codeOf(await change(name, body))).toBe(code);
    expect(await countOf("SELECT version AS n FROM api_keys")).toBe(1);
  });

  it.each(["reroll", "disable", "enable", "expire"])("%s of no key", async (name) => {
    expect(await codeOf(await change(name))).toBe("api_key_unknown");
    expect(await codeOf(await change(name, {}, "a b"))).toBe("request_invalid");
    expect(await codeOf(await change(name, {}, "p1", "No"))).toBe("request_invalid");
  });

  it.each([
    ["not JSON", "{"],
    ["another type", '"a"'],
    ["nested deep", `{"a":${"[".repeat(1500)}${"]".repeat(1500)}}`],
  ])("bodies: %s", async (_, body) => {
    const headers = { "Content-Type": "application/json" };
    expect(await codeOf(await soc.admin("/api/v1/api-keys", { body, headers }))).toBe("request_invalid");
  });
});

it("takes nobody but operators, and no other site's page", async () => {
  const signedIn = await TestSoc.signedIn();
  const path = "/api/v1/api-keys/partner-keys/p1";
  for (const [method, at] of [
    ["GET", "/api/v1/api-keys"],
    ["POST", "/api/v1/api-keys"],
    ...["reroll", "disable", "enable", "expire"].map((name) => ["POST", `${path}/${name}`] as const),
  ] as const) {
    const body = method === "POST" ? { json: one } : {};
    expect([at, await codeOf(await soc.call(at, { method, ...body }))]).toEqual([at, "session_missing"]);
    const headers = { Authorization: "Bearer wrong" };
    expect([at, await codeOf(await soc.call(at, { method, ...body, headers }))]).toEqual([at, "admin_token_invalid"]);
    if (method === "GET") continue;
    const foreign = await signedIn.call(at, { method, ...body, origin: "https://else.example" });
    expect([at, await codeOf(foreign)]).toEqual([at, "origin_mismatch"]);
  }
  const made = await signedIn.call("/api/v1/api-keys", { method: "POST", json: one });
  expect(await made.json()).toMatchObject({ apiKey: { who: expect.stringMatching(/^session [0-9a-f]{8}$/) } });
});

it("lists by pages, in order, of one authenticator or all", async () => {
  for (const id of ["c", "a", "b"]) await make({ id });
  for (const id of ["d", "a"]) await make({ id, authenticator: "loose" });
  const names: string[] = [];
  let after: string | null = "";
  while (after !== null) {
    const page: Awaited<ReturnType<typeof list>> = await list(
      `?limit=2${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`,
    );
    names.push(...page.apiKeys.map(({ authenticator, id }) => `${authenticator} ${id}`));
    after = page.next;
  }
  expect(names).toEqual(["loose a", "loose d", "partner-keys a", "partner-keys b", "partner-keys c"]);
  expect((await list("?authenticator=loose")).apiKeys.map(({ id }) => id)).toEqual(["a", "d"]);
});

it("changes nothing twice: disabled again, it is as it was", async () => {
  await make();
  const first = (await (await change("disable", { reason: "first" })).json()) as { generation: number };
  soc.nowMs += 1000;
  const again = await (await change("disable", { reason: "again" })).json();
  expect(again).toMatchObject({ apiKey: { disabledMs: NOON_MS, reason: "first" }, generation: first.generation, pending: [] });
  await change("enable");
  expect(await (await change("enable")).json()).toMatchObject({ apiKey: { disabledMs: null } });
});

it("takes the place of a revocation that is over, and is lifted by enabling alone", async () => {
  await make();
  const revocation = { kind: "credential", authenticator: "partner-keys", subject: "p1", reason: "r", expiresMs: NOON_MS + 5 };
  await soc.admin("/api/v1/revocations", { json: revocation });
  soc.nowMs += 5;
  await change("disable");
  const beforeMs = async () => (await env.DB.prepare("SELECT who, before_ms, expires_ms FROM revocations").first()) ?? {};
  expect(await beforeMs()).toEqual({ who: "api-keys", before_ms: 8_640_000_000_000_000, expires_ms: NOON_MS + 600_005 });
  await change("enable");
  expect(await beforeMs()).toMatchObject({ before_ms: NOON_MS });
});

it("changes nothing where no more can be revoked, and says so; what needs no revocation goes on", async () => {
  await make();
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
     INSERT INTO revocations (kind, authenticator, subject, before_ms, expires_ms, reason, who, made_ms)
     SELECT 'token', 'tokens', CAST(i AS TEXT), 1, ?2, 'r', 'w', 0 FROM n`,
  )
    .bind(MOST_REVOCATIONS, NOON_MS + 9_000)
    .run();
  for (const [name, body] of [
    ["disable", {}],
    ["expire", {}],
    ["reroll", { graceMs: 0 }],
  ] as const) {
    expect([name, await codeOf(await change(name, body))]).toEqual([name, "revocations_full"]);
  }
  expect(await countOf("SELECT version AS n FROM api_keys")).toBe(1);
  expect((await change("reroll")).status).toBe(201);
});

it("of two rerolls at once either both follow each other or one is told to try again", async () => {
  await make();
  const answers = await Promise.all([change("reroll"), change("reroll"), change("reroll")]);
  const made = answers.filter(({ status }) => status === 201).length;
  expect(made).toBeGreaterThanOrEqual(1);
  for (const answer of answers) if (answer.status !== 201) expect(await codeOf(answer)).toBe("api_key_contended");
  expect(await countOf("SELECT version AS n FROM api_keys")).toBe(1 + made);
});

it("refuses a policy whose key has the id of a stored one, and says where", async () => {
  await make({ id: "taken" });
  const response = await soc.admin("/api/v1/policies", { body: policy(`, { id: taken, sha256: "${"ab".repeat(32)}" }`) });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({
    problems: [{ path: "authenticators[0].keys[1].id", code: "key_in_store", found: '"taken"', line: 7 }],
  });
});

it("the daily clean-up forgets keys a month after their end", async () => {
  await make({ expiresMs: NOON_MS + 1 });
  await make({ id: "p2" });
  await retain(env, NOON_MS + 1 + 30 * 86_400_000 - 1);
  expect(await countOf("SELECT COUNT(*) AS n FROM api_keys")).toBe(2);
  await retain(env, NOON_MS + 1 + 30 * 86_400_000);
  expect((await list()).apiKeys.map(({ id }) => id)).toEqual(["p2"]);
});

it("stands in the description of the API", async () => {
  const { paths } = (await (await soc.call("/api/openapi.json")).json()) as { paths: Record<string, object> };
  const at = Object.keys(paths).filter((path) => path.includes("/api-keys"));
  expect(at.map((path) => path.replace("/_picket/api/v1/api-keys", ""))).toEqual([
    "",
    ...["reroll", "disable", "enable", "expire"].map((name) => `/{authenticator}/{id}/${name}`),
  ]);
});

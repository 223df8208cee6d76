import { beforeAll, describe, expect, it } from "vitest";
import { env, NOON_MS } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const DAY = 86_400_000;
const hostile = [
  "=cmd|'/C calc'!A0",
  "..",
  "a/b?c#d&e=f",
  'say "hi"\r\n,',
  "100%_sure",
  "Zoë 🦊",
  "<script>alert(1)</script>",
  "' OR 1=1 --",
];
let soc: TestSoc;

const policy = {
  picket: 1,
  services: [
    {
      name: "orders",
      match: { path: "/" },
      upstream: "http://127.0.0.1:1",
      auth: ["keys"],
      operations: [
        { method: "GET", path: "/orders", scopes: ["orders:read"] },
        { method: "POST", path: "/orders", scopes: ["orders:write"] },
      ],
    },
  ],
  authenticators: [
    { name: "keys", type: "api-key", owner: "desk", keys: [{ id: "acme", sha256: "ab".repeat(32), owner: "=partners" }] },
  ],
};

interface Row {
  principal: string;
  kind?: string;
  scopes?: string;
  lastMs?: number;
  firstMs?: number;
  expiresMs?: number | null;
  issuedMs?: number | null;
}

async function insert(rows: readonly Row[]): Promise<void> {
  const statement = env.DB.prepare(
    "INSERT INTO principals VALUES ('keys', ?1, ?2, ?1, ?3, '', '', ?4, ?5, NULL, 0, ?6, ?7, ?8, -1, 3)",
  );
  const bound = rows.map((row) => {
    const { principal, kind = "partner", scopes = "", lastMs = NOON_MS, firstMs = NOON_MS - 41 * DAY } = row;
    const { expiresMs = NOON_MS + DAY, issuedMs = null } = row;
    return statement.bind(principal, kind, scopes, issuedMs, expiresMs, firstMs, lastMs, Math.floor(NOON_MS / DAY));
  });
  for (let at = 0; at < bound.length; at += 500) await env.DB.batch(bound.slice(at, at + 500));
}

async function insertOperation(principal: string, method: string, allowed: number, refused: number, operation = "/orders") {
  await env.DB.prepare("INSERT INTO principal_operations VALUES ('keys', ?1, 'orders', ?2, ?3, ?4, ?5, 1, ?6)")
    .bind(principal, method, operation, allowed, refused, NOON_MS)
    .run();
}

interface Page {
  matched: number;
  scanned: number;
  callers: { principal: string; owner: string; allowed: number; findings: { code: string; count: number }[] }[];
  next: string | null;
}

async function page(query: Record<string, string> = {}): Promise<Page> {
  const response = await soc.call(`/api/v1/principals?${new URLSearchParams(query)}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

async function all(query: Record<string, string>): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const read: Page = await page({ ...query, ...(cursor && { cursor }) });
    seen.push(...read.callers.map(({ principal }) => principal));
    cursor = read.next;
  }
  return seen;
}

beforeAll(async () => {
  soc = await TestSoc.signedIn();
  expect((await soc.admin("/api/v1/policies", { body: JSON.stringify(policy) })).status).toBe(201);
  const many = Array.from({ length: 60 }, (_, i) => ({
    principal: `sensor-${i}`,
    kind: "device",
    lastMs: NOON_MS - (i % 7) * 1000,
  }));
  await insert([
    { principal: "acme", scopes: "orders:read orders:write old:*" },
    ...hostile.map((principal) => ({ principal })),
    ...many,
  ]);
  await insertOperation("acme", "GET", 12_300, 5);
  await insertOperation("sensor-3", "GET", 7, 0);
});

describe("the list of callers", () => {
  it("pages through everybody once in every order, whatever the names and ties", async () => {
    for (const sort of ["last", "first", "requests", "principal"]) {
      const seen = await all({ sort, limit: "7" });
      expect([sort, seen.length, new Set(seen).size]).toEqual([sort, 69, 69]);
    }
    expect((await all({ sort: "requests", limit: "200" })).slice(0, 2)).toEqual(["acme", "sensor-3"]);
    expect(await all({ sort: "principal", limit: "9" })).toEqual(await all({ sort: "principal", limit: "200" }));
  });

  it("finds text as it is: no wildcard, no quote, no case of ASCII letters", async () => {
    const found = async (q: string) => (await all({ q })).toSorted();
    expect(await found("SENSOR-5")).toEqual(["sensor-5", ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `sensor-5${i}`)]);
    expect(await found("%")).toEqual(["100%_sure"]);
    expect(await found("_")).toEqual(["100%_sure"]);
    expect(await found("🦊")).toEqual(["Zoë 🦊"]);
    expect(await found("' OR")).toEqual(["' OR 1=1 --"]);
    expect(await found("x".repeat(255))).toEqual([]);
    expect((await page({ kind: "device" })).matched).toBe(60);
    expect((await page({ authenticator: "gone" })).callers).toEqual([]);
  });

  it("gives totals, the owner and what is found", async () => {
    const { callers } = await page({ q: "acme" });
    expect(callers).toEqual([
      expect.objectContaining({
        owner: "=partners",
        allowed: 12_300,
        refused: 5,
        operations: 1,
        isRevoked: false,
        findings: [
          { code: "credential_shared", count: 1 },
          { code: "scope_wildcard", count: 1 },
          { code: "scope_unused", count: 1 },
        ],
      }),
    ]);
    expect(await all({ finding: "scope_unused", limit: "1" })).toEqual(["acme"]);
    expect(await all({ finding: "scope_unused", requests: "12301" })).toEqual([]);
    expect((await all({ finding: "any", limit: "5" })).length).toBe(69);
  });

  it("looks through a bounded number of callers for a finding, and says where to go on", async () => {
    await insert(Array.from({ length: 5200 }, (_, i) => ({ principal: `bulk-${i}`, kind: "agent", lastMs: NOON_MS - DAY - i })));
    const first = await page({ kind: "agent", finding: "scope_unused" });
    expect(first).toMatchObject({ matched: 5200, scanned: 2500, callers: [], next: expect.any(String) });
    const last = await page({
      kind: "agent",
      finding: "scope_unused",
      cursor: (await page({ kind: "agent", finding: "scope_unused", cursor: first.next ?? "" })).next ?? "",
    });
    expect(last).toMatchObject({ scanned: 200, next: null });
    await env.DB.prepare("DELETE FROM principals WHERE principal LIKE 'bulk-%'").run();
  });

  it("refuses strangers and questions that make no sense", async () => {
    const stranger = new TestSoc();
    for (const path of [
      "principals",
      "principals.csv",
      "principal?authenticator=keys&principal=acme",
      "least-privilege",
      "least-privilege.csv",
    ]) {
      expect([path, await codeOf(await stranger.call(`/api/v1/${path}`))]).toEqual([path, "session_missing"]);
      expect((await stranger.admin(`/api/v1/${path}`, { method: "GET" })).status).toBe(200);
    }
    const next = (await page({ limit: "1", sort: "last" })).next ?? "";
    for (const query of [
      "limit=0",
      "limit=201",
      "sort=evil",
      "finding=x",
      "days=0",
      "cursor=!",
      "cursor=e30",
      `sort=principal&cursor=${next}`,
    ]) {
      expect([query, await codeOf(await soc.call(`/api/v1/principals?${query}`))]).toEqual([query, "request_invalid"]);
    }
  });
});

describe("one caller", () => {
  const detail = (principal: string) =>
    soc.call(`/api/v1/principal?${new URLSearchParams({ authenticator: "keys", principal })}`);

  it("is found by any name", async () => {
    for (const name of hostile) {
      const response = await detail(name);
      expect([name, response.status]).toEqual([name, 200]);
      expect(((await response.json()) as { principal: string }).principal).toBe(name);
    }
    expect(await codeOf(await detail("nobody"))).toBe("principal_unknown");
  });

  it("has its rights, its uses, its places, what is wrong, and what is changed for a time", async () => {
    await env.DB.prepare("INSERT INTO principal_places VALUES ('keys', 'acme', 'DE', 3320, 1, 2)").run();
    await insertOperation("acme", "GET", 3, 0, "/gone");
    const grant = {
      principal: "acme",
      authenticator: "keys",
      scopes: ["x"],
      fromMs: NOON_MS,
      untilMs: NOON_MS + DAY,
      reason: "r",
      approver: "a",
    };
    expect((await soc.admin("/api/v1/grants", { json: grant })).status).toBe(201);
    const body = await (await detail("acme")).json();
    expect(body).toMatchObject({
      owner: "=partners",
      newest: { name: "acme", type: "api-key", expiresMs: NOON_MS + DAY },
      scopes: [
        { scope: "orders:read", state: "used", via: ["credential"], requests: 12_300 },
        { scope: "orders:write", state: "unused" },
        { scope: "old:*", state: "unknown" },
        { scope: "x", state: "unknown", via: ["grant 1"] },
      ],
      operations: [
        { operation: "/gone", isListed: false },
        { operation: "/orders", allowed: 12_300, refused: 5, scopes: ["orders:read"], isListed: true },
      ],
      places: [{ country: "DE", asn: 3320 }],
      addresses: { isToday: true, value: 48, low: 38 },
      // An operation that the policy no longer lists was used just now: nothing can be called unused yet.
      watch: { lengthMs: 0, isEnough: false },
      grants: [{ scopes: ["x"] }],
      revocations: [],
    });
  });

  it("has nothing found once it is revoked, by whatever strikes its credential", async () => {
    const revoked = async (json: Record<string, unknown>) => {
      const made = await soc.admin("/api/v1/revocations", { json: { authenticator: "keys", reason: "r", ...json } });
      const { revocation } = (await made.json()) as { revocation: { id: number } };
      const body = (await (await detail("acme")).json()) as { isRevoked: boolean; findings: unknown[]; revocations: unknown[] };
      expect((await page({ q: "acme" })).callers[0]).toMatchObject({ isRevoked: body.isRevoked });
      await soc.admin(`/api/v1/revocations/${revocation.id}`, { method: "DELETE" });
      return [body.isRevoked, body.findings.length, body.revocations.length];
    };
    expect(await revoked({ kind: "principal", subject: "acme" })).toEqual([true, 0, 1]);
    expect(await revoked({ kind: "credential", subject: "acme" })).toEqual([true, 0, 1]);
    expect((await revoked({ kind: "principal", subject: "other" }))[0]).toBe(false);
    await env.DB.prepare("UPDATE principals SET issued_ms = ?1 WHERE principal = 'acme'")
      .bind(NOON_MS - 10)
      .run();
    expect((await revoked({ kind: "principal", subject: "acme", beforeMs: NOON_MS - 10 }))[0]).toBe(false);
    expect((await revoked({ kind: "principal", subject: "acme", beforeMs: NOON_MS - 9 }))[0]).toBe(true);
  });
});

describe("files", () => {
  it("are CSV in which no name is a formula, and lead on where they are cut", async () => {
    const response = await soc.call("/api/v1/principals.csv?sort=principal");
    expect(response.headers.get("Content-Type")).toMatch(/^text\/csv; charset=utf-8/);
    expect(response.headers.get("Link")).toBeNull();
    const text = await response.text();
    expect(text.match(/\r\n"keys",/g)?.length).toBe(69);
    expect(text).toContain(`"'=cmd|'/C calc'!A0"`);
    expect(text).toContain(`"acme","partner","'=partners"`);
    expect(text).toContain('"say ""hi""\r\n,"');
    expect(text).toMatch(/^"authenticator","principal","kind","owner",/);
  });

  it("of the report have a line for each finding", async () => {
    await env.DB.prepare("DELETE FROM principal_operations WHERE operation = '/gone'").run();
    const report = await soc.call("/api/v1/least-privilege?q=acme");
    expect(await report.json()).toMatchObject({
      window: { days: 7, requests: 100 },
      scanned: 1,
      watching: 0,
      counts: { scope_unused: 1, scope_wildcard: 1, credential_shared: 1 },
      callers: [
        { principal: "acme", findings: [{}, {}, { subject: "orders:write", says: expect.stringContaining("12,300 requests") }] },
      ],
      next: null,
    });
    const file = await (await soc.call("/api/v1/least-privilege.csv?q=acme&finding=scope_unused")).text();
    expect(file.trimEnd().split("\r\n").length).toBe(2);
    expect(file).toContain(
      '"scope_unused","orders:write","Remove orders:write from acme: unused in 41 days, 12,300 requests seen.",41,12300,',
    );
  });
});

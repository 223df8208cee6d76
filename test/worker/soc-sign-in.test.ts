import { describe, expect, it } from "vitest";
import { env } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const HOUR_MS = 3_600_000;

describe("a sign-in link", () => {
  it("signs one browser in, once", async () => {
    const soc = new TestSoc();
    const token = await soc.link();
    const first = await soc.call("/api/v1/session", { method: "POST", json: { token } });
    expect(first.status).toBe(204);
    expect(first.headers.get("Set-Cookie")).toMatch(
      /^picket_session=[A-Za-z0-9_-]{43}; Max-Age=43200; Path=\/_picket; HttpOnly; SameSite=Strict$/,
    );
    const second = await soc.call("/api/v1/session", { method: "POST", json: { token } });
    expect([second.status, await codeOf(second), second.headers.get("Set-Cookie")]).toEqual([401, "sign_in_link_invalid", null]);
  });

  it("cannot be used twice at the same time", async () => {
    const soc = new TestSoc();
    const token = await soc.link();
    const answers = await Promise.all([1, 2, 3, 4].map(() => soc.call("/api/v1/session", { method: "POST", json: { token } })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 401, 401, 401]);
  });

  it("lasts ten minutes", async () => {
    const soc = new TestSoc();
    const [early, late] = [await soc.link(), await soc.link()];
    soc.nowMs += 10 * 60_000 - 1;
    expect((await soc.call("/api/v1/session", { method: "POST", json: { token: early } })).status).toBe(204);
    soc.nowMs += 1;
    expect((await soc.call("/api/v1/session", { method: "POST", json: { token: late } })).status).toBe(401);
  });

  it("is not in the database, nor is a session's token", async () => {
    const soc = await TestSoc.signedIn();
    const link = await soc.link();
    const rows = [
      ...(await env.DB.prepare("SELECT * FROM sign_in_links").all()).results,
      ...(await env.DB.prepare("SELECT * FROM sessions").all()).results,
    ];
    const stored = JSON.stringify(rows);
    expect(rows.length).toBeGreaterThan(1);
    expect(stored).not.toContain(link);
    expect(stored).not.toContain(soc.cookie.split("=")[1]);
  });
});

describe("a session", () => {
  it("lasts twelve hours", async () => {
    const soc = await TestSoc.signedIn();
    soc.nowMs += 12 * HOUR_MS - 1;
    expect((await soc.call("/api/v1/session")).status).toBe(200);
    soc.nowMs += 1;
    expect(await codeOf(await soc.call("/api/v1/session"))).toBe("session_missing");
  });

  it("ends when its owner signs out", async () => {
    const soc = await TestSoc.signedIn();
    const response = await soc.call("/api/v1/session", { method: "DELETE" });
    expect(response.status).toBe(204);
    expect(response.headers.get("Set-Cookie")).toMatch(/^picket_session=; Max-Age=0; Path=\/_picket/);
    expect((await soc.call("/api/v1/session")).status).toBe(401);
  });

  it("is secure where there is TLS", async () => {
    const soc = new TestSoc();
    const call = {
      method: "POST",
      json: { token: await soc.link() },
      host: "https://picket.example",
      origin: "https://picket.example",
    };
    expect((await soc.call("/api/v1/session", call)).headers.get("Set-Cookie")).toContain("; Secure");
  });

  it.each([
    "",
    "picket_session=",
    "picket_session=abc",
    `picket_session=${"A".repeat(43)}`,
    `picket_session=${"A".repeat(5000)}`,
  ])("cannot be guessed (%#)", async (cookie) => {
    const soc = new TestSoc();
    soc.cookie = cookie;
    expect(await codeOf(await soc.call("/api/v1/session"))).toBe("session_missing");
  });
});

describe("who may do what", () => {
  const json = { token: "A".repeat(43) };
  const matrix: [string, string, { nobody: number; session: number; admin: number }][] = [
    ["GET", "/health", { nobody: 200, session: 200, admin: 200 }],
    ["GET", "/api/openapi.json", { nobody: 200, session: 200, admin: 200 }],
    ["GET", "/api/v1/session", { nobody: 401, session: 200, admin: 401 }],
    ["GET", "/api/v1/overview", { nobody: 401, session: 200, admin: 401 }],
    ["GET", "/api/v1/events", { nobody: 401, session: 200, admin: 200 }],
    ["GET", "/api/v1/policies/current", { nobody: 401, session: 404, admin: 401 }],
    // A browser's WebSocket always says where it comes from.
    ["GET", "/api/v1/live?region=local", { nobody: 401, session: 403, admin: 401 }],
    ["POST", "/api/v1/sign-in-links", { nobody: 401, session: 401, admin: 201 }],
    ["POST", "/api/v1/policies", { nobody: 401, session: 401, admin: 422 }],
    ["POST", "/api/v1/session", { nobody: 401, session: 401, admin: 401 }],
    ["DELETE", "/api/v1/session", { nobody: 401, session: 204, admin: 401 }],
    ["GET", "/api/v1/unknown", { nobody: 404, session: 404, admin: 404 }],
    ["PUT", "/api/v1/overview", { nobody: 404, session: 404, admin: 404 }],
  ];

  it.each(matrix)("%s %s", async (method, path, expected) => {
    const call = path === "/api/v1/session" && method === "POST" ? { method, json } : { method };
    const admin = { ...call, origin: null, headers: { Authorization: "Bearer an-administrator" } };
    expect({
      nobody: (await new TestSoc().call(path, call)).status,
      session: (await (await TestSoc.signedIn()).call(path, call)).status,
      admin: (await new TestSoc().call(path, admin)).status,
    }).toEqual(expected);
  });

  it.each([undefined, "Bearer", "Bearer wrong", "Bearer an-administrato", "Basic an-administrator", "Bearer an-administrator "])(
    "an administrator's token must be right: %s",
    async (value) => {
      const headers: Record<string, string> = value === undefined ? {} : { Authorization: value };
      const response = await new TestSoc().call("/api/v1/sign-in-links", { method: "POST", origin: null, headers });
      // Header values lose their trailing space on the way (RFC 9110 §5.5).
      expect(response.status).toBe(value?.trim() === "Bearer an-administrator" ? 201 : 401);
    },
  );

  it("has no administrator where no token is set", async () => {
    const soc = new TestSoc();
    soc.bindings = { ...env, PICKET_ADMIN_TOKEN: "" };
    expect((await soc.admin("/api/v1/sign-in-links", { headers: { Authorization: "Bearer " } })).status).toBe(401);
  });
});

describe("another site", () => {
  it.each(["https://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8787"])(
    "%s is refused",
    async (origin) => {
      const soc = await TestSoc.signedIn();
      for (const [method, path] of [
        ["POST", "/api/v1/session"],
        ["DELETE", "/api/v1/session"],
        ["POST", "/api/v1/policies"],
        ["POST", "/api/v1/sign-in-links"],
      ] as const) {
        const response = await soc.call(path, { method, origin });
        expect([response.status, await codeOf(response)]).toEqual([403, "origin_mismatch"]);
      }
      const live = await soc.call("/api/v1/live?region=local", { origin, headers: { Upgrade: "websocket" } });
      expect(live.status).toBe(403);
    },
  );

  it("cannot hide by sending no Origin with our cookie", async () => {
    const soc = await TestSoc.signedIn();
    expect((await soc.call("/api/v1/session", { method: "DELETE", origin: null })).status).toBe(403);
  });
});

describe("every answer", () => {
  const paths = ["/health", "/api/v1/session", "/api/v1/nothing", "/api/openapi.json", "/api/v1/overview?range=9y"];
  it.each(paths)("%s carries its id and the headers that keep it to itself", async (path) => {
    const response = await (await TestSoc.signedIn()).call(path);
    expect(response.headers.get("X-Request-Id")).toMatch(/^[0-9a-f]{16}$/);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(response.headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(response.headers.get("Content-Security-Policy")).toContain("default-src 'none'; script-src 'self'");
    expect(response.headers.get("Content-Security-Policy")).not.toContain("unsafe");
  });

  it("says what is wrong as problem details", async () => {
    const response = await (await TestSoc.signedIn()).call("/api/v1/overview?range=9y");
    expect(response.status).toBe(400);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      type: "urn:picket:problem:request_invalid",
      title: expect.any(String),
      status: 400,
      code: "request_invalid",
      request_id: response.headers.get("X-Request-Id"),
      problems: [{ path: "query.range" }],
    });
  });

  it.each(["{", "[]", '{"token":5}', '{"token":"short"}', ""])("to a bad body is 400: %s", async (body) => {
    const headers = { "Content-Type": "application/json" };
    const response = await new TestSoc().call("/api/v1/session", { method: "POST", body, headers });
    expect([response.status, await codeOf(response)]).toEqual([400, "request_invalid"]);
  });

  it("to a large body is 413", async () => {
    const response = await new TestSoc().call("/api/v1/session", { method: "POST", json: { token: "A".repeat(5000) } });
    expect([response.status, await codeOf(response)]).toEqual([413, "body_too_large"]);
    const policy = await new TestSoc().admin("/api/v1/policies", { body: "x".repeat(1_048_577) });
    expect(policy.status).toBe(413);
  });

  it("is 503 with a code while D1 is away", async () => {
    const soc = await TestSoc.signedIn();
    const away = () => {
      throw new Error("D1_ERROR: away");
    };
    soc.bindings = { ...env, DB: { prepare: away, batch: away, withSession: away } as unknown as D1Database };
    const response = await soc.call("/api/v1/overview");
    expect([response.status, await codeOf(response)]).toEqual([503, "storage_unavailable"]);
    expect(await (await soc.call("/health")).json()).toMatchObject({ status: "degraded" });
  });
});

describe("the API's description", () => {
  it("names every route, its answers and who may call it", async () => {
    const description = (await (await new TestSoc().call("/api/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { responses: object; security?: object[] }>>;
    };
    expect(description.openapi).toBe("3.1.0");
    const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, route]) => `${method} ${path} ${Object.keys(route.responses)} ${JSON.stringify(route.security ?? [])}`,
      ),
    );
    expect(routes.sort()).toEqual([
      'delete /_picket/api/v1/exemptions/{id} 200,400,401,403,404 [{"admin":[]},{"session":[]}]',
      'delete /_picket/api/v1/grants/{id} 200,400,401,403,404 [{"admin":[]},{"session":[]}]',
      'delete /_picket/api/v1/revocations/{id} 200,400,401,403,404 [{"admin":[]},{"session":[]}]',
      'delete /_picket/api/v1/session 204,401,403 [{"session":[]}]',
      'get /_picket/api/v1/api-keys 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/devices 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/events 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/exemptions 200,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/grants 200,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/least-privilege 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/least-privilege.csv 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/limits/suggestions 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/live 101,401,403,404,426,503 [{"session":[]}]',
      'get /_picket/api/v1/overview 200,400,401,503 [{"session":[]}]',
      'get /_picket/api/v1/penalties 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/policies/current 200,401,404 [{"session":[]}]',
      'get /_picket/api/v1/principal 200,400,401,404 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/principals 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/principals.csv 200,400,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/revocations 200,401 [{"admin":[]},{"session":[]}]',
      'get /_picket/api/v1/session 200,401 [{"session":[]}]',
      "get /_picket/health 200 []",
      'post /_picket/api/v1/api-keys 201,400,401,403,409,413,422 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/api-keys/{authenticator}/{id}/disable 200,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/api-keys/{authenticator}/{id}/enable 200,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/api-keys/{authenticator}/{id}/expire 200,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/api-keys/{authenticator}/{id}/reroll 201,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/devices 200,400,401,403,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/devices/activate 200,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/devices/quarantine 200,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/devices/retire 200,400,401,403,404,409,413 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/exemptions 200,201,400,401,403,409,413,422 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/grants 200,201,400,401,403,409,413,422 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/penalties/release 200,400,401,403,404,413,503 [{"admin":[]},{"session":[]}]',
      'post /_picket/api/v1/policies 200,201,401,403,409,413,422 [{"admin":[]}]',
      'post /_picket/api/v1/revocations 200,201,400,401,403,409,413,422 [{"admin":[]},{"session":[]}]',
      "post /_picket/api/v1/session 204,400,401,403,413 []",
      'post /_picket/api/v1/sign-in-links 201,401,403 [{"admin":[]}]',
    ]);
  });
});

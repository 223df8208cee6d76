import { beforeAll, describe, expect, it } from "vitest";
import { acmeDigest, bearer, FakeRegion, Gateway, sealedPolicy, token } from "./gateway-fixture.ts";

const yaml = `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: binding:FLEET
    owner: devices-team
    auth: [device-tokens, partner-keys]
    limits: [per-principal]
    undocumented: report
    operations:
      - GET /fleet/devices/{deviceId}
      - { method: GET, path: "/fleet/devices/{deviceId}/commands", scopes: [commands:read] }
      - { method: POST, path: "/fleet/devices/{deviceId}/telemetry", scopes: [telemetry:write], limits: [per-device] }
  - name: closed
    match: { path: /closed }
    upstream: binding:FLEET
    owner: devices-team
    auth: [device-tokens]
    undocumented: refuse
    passCredential: true
    operations: [GET /closed/a]
  - name: open
    match: { path: /open }
    upstream: binding:FLEET
    owner: web-team
    auth: []
    cors: { origins: ["https://app.example"], methods: [GET, POST], headers: [X-App], maxAge: 10m }
    operations: [GET /open/a]
  - name: tenants
    match: { path: /tenants }
    upstream: binding:FLEET
    owner: web-team
    auth: []
    limits: [per-tenant]
    operations: ["GET /tenants/{id}"]
  - name: told
    match: { path: /told }
    upstream: binding:FLEET
    owner: web-team
    auth: []
    limits: [told]
    operations:
      - { method: GET, path: /told, cost: 2 }
      - { method: GET, path: /told/rarely, cost: 2, limits: [untold] }
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, algorithms: [HS256], keys: [{ kid: d1, secret: env:DEVICE_SECRET }], kind: device }
  - { name: partner-keys, type: api-key, header: X-Api-Key, keys: [{ id: acme, sha256: "${acmeDigest}", kind: partner, scopes: [devices:read] }] }
roles: { operator: [commands:read, "a:b"], auditor: [logs:read] }
limits:
  - { name: per-principal, by: principal, rate: 600/1m, burst: 5 }
  - { name: per-device, by: "claim:dev", rate: 6/1m, burst: 2 }
  - { name: told, by: address, rate: 10/1s, burst: 10, announce: always }
  - { name: untold, by: service, rate: 1/1h, burst: 3, announce: never }
  - { name: per-tenant, by: ["header:X-Tenant", "parameter:id"], rate: 1/1h, burst: 1 }
`;

let gateway: Gateway;
beforeAll(async () => {
  gateway = await Gateway.start(yaml);
});

const problem = async (response: Response) =>
  (await response.json()) as { code: string; status: number; request_id: string; type: string };
const upstreamOf = () => gateway.seen.at(-1);

describe("a request that is allowed", () => {
  it("reaches the upstream with who calls, and without the credential", async () => {
    const response = await gateway.send("/fleet/devices/7?full=1", await bearer({ sub: "sensor-7", scope: "a:b c:d" }));
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("upstream");
    const seen = upstreamOf();
    expect(seen?.url).toBe("http://fleet/fleet/devices/7?full=1");
    expect(seen?.headers.get("picket-principal")).toBe("sensor-7");
    expect(seen?.headers.get("picket-scopes")).toBe("a:b c:d");
    expect(seen?.headers.get("authorization")).toBeNull();
    expect(seen?.headers.get("x-request-id")).toBe(response.headers.get("x-request-id"));
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
  });

  it("carries the scopes of its roles too, each once", async () => {
    const claims = { scope: "a:b c:d", roles: ["operator", "unheard-of"] };
    expect((await gateway.send("/fleet/devices/7/commands", await bearer(claims))).status).toBe(200);
    expect(upstreamOf()?.headers.get("picket-scopes")).toBe("a:b c:d commands:read");
  });

  it("keeps the credential where the service asks for it", async () => {
    const init = await bearer();
    await gateway.send("/closed/a", init);
    expect(upstreamOf()?.headers.get("authorization")).toBe(init.headers.Authorization);
  });

  it("is let in by an API key, which goes no further", async () => {
    const response = await gateway.send("/fleet/devices/1", { headers: { "X-Api-Key": "acme-test-key" } });
    expect(response.status).toBe(200);
    expect(upstreamOf()?.headers.get("picket-principal")).toBe("acme");
    expect(upstreamOf()?.headers.get("x-api-key")).toBeNull();
  });

  it("is passed unchanged in method, query and status, redirects included", async () => {
    gateway.answer = () => new Response(null, { status: 307, headers: { Location: "/elsewhere", "Set-Cookie": "a=1" } });
    const response = await gateway.send("/open/a?x=%2e%2e&y", { method: "POST", body: "z" });
    gateway.answer = () => new Response("upstream");
    expect([response.status, response.headers.get("location"), response.headers.get("set-cookie")]).toEqual([
      307,
      "/elsewhere",
      "a=1",
    ]);
    expect(upstreamOf()?.init.method).toBe("POST");
    expect(upstreamOf()?.init.redirect).toBe("manual");
    expect(upstreamOf()?.url).toBe("http://fleet/open/a?x=%2e%2e&y");
  });

  it("holds HEAD to the rules of GET", async () => {
    expect((await gateway.send("/fleet/devices/1", { method: "HEAD" })).status).toBe(401);
    expect((await gateway.send("/fleet/devices/1", { method: "HEAD", ...(await bearer({ sub: "head" })) })).status).toBe(200);
  });
});

describe("a request that is refused", () => {
  it("says so as problem details, with a request id and a challenge", async () => {
    const response = await gateway.send("/fleet/devices/1");
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="picket"');
    const body = await problem(response);
    expect(body).toMatchObject({ type: "urn:picket:problem:credential_missing", status: 401, code: "credential_missing" });
    expect(body.request_id).toBe(response.headers.get("x-request-id"));
  });

  it.each([
    ["token_expired", { exp: 1 }],
    ["token_invalid", { aud: "other" }],
    ["token_invalid", { iss: "https://other.example" }],
  ])("answers %s for %o", async (code, claims) => {
    const response = await gateway.send("/fleet/devices/1", await bearer(claims));
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="picket", error="invalid_token"');
    expect((await problem(response)).code).toBe(code);
  });

  it("tells nobody which part of a token was wrong, and keeps the token out of its answer", async () => {
    const forged = await token({}, "another-secret-of-32-bytes-or-more!!");
    const response = await gateway.send("/fleet/devices/1", { headers: { Authorization: `Bearer ${forged}` } });
    const text = await response.text();
    expect(JSON.parse(text).code).toBe("token_invalid");
    expect(text).not.toContain(forged.slice(-20));
  });

  it("names the missing scope (RFC 6750 §3)", async () => {
    const response = await gateway.send("/fleet/devices/1/telemetry", {
      method: "POST",
      ...(await bearer({ scope: "telemetry:writer" })),
    });
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toContain('error="insufficient_scope", scope="telemetry:write"');
  });

  it("says when to come back after the limit", async () => {
    const init = { method: "POST", ...(await bearer({ sub: "sensor-9", dev: "9", scope: "telemetry:write" })) };
    const send = () => gateway.send("/fleet/devices/9/telemetry", init);
    expect([(await send()).status, (await send()).status]).toEqual([200, 200]);
    const response = await send();
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(9);
    expect(Number(response.headers.get("retry-after"))).toBeLessThanOrEqual(10);
    expect(response.headers.get("ratelimit-policy")).toBe('"per-device";q=6;w=60');
    expect(response.headers.get("ratelimit")).toMatch(/^"per-device";r=0;t=\d+$/);
    expect((await problem(response)).code).toBe("rate_limited");
  });

  it("is not forwarded", async () => {
    const before = gateway.seen.length;
    await gateway.send("/fleet/devices/1");
    await gateway.send("/closed/unlisted", await bearer());
    await gateway.send("/nowhere");
    expect(gateway.seen.length).toBe(before);
  });

  it.each([
    ["/closed/unlisted", 404, "operation_unknown"],
    ["/nowhere", 404, "service_unknown"],
    [`/fleet/${"a".repeat(4096)}`, 400, "path_too_long"],
  ])("answers %s with %i %s", async (path, status, code) => {
    const response = await gateway.send(path, await bearer());
    expect([response.status, (await problem(response)).code]).toEqual([status, code]);
  });

  it("refuses a credential over 8 KiB", async () => {
    const large = await gateway.send("/fleet/devices/1", { headers: { Authorization: `Bearer ${"a".repeat(8192)}` } });
    expect([large.status, (await problem(large)).code]).toEqual([400, "credential_too_large"]);
  });
});

describe("the path that is matched is the path that is forwarded", () => {
  it.each([
    "/fleet/devices/%2e%2e/admin",
    "/fleet/devices/%2E%2e/admin",
    "/fleet/devices/../admin",
    "/fleet/devices/./1",
    "/fleet//devices/1",
    "//fleet/devices/1",
    "/fleet\\devices\\1",
    "/fleet/devices%5c1",
    "/fleet/devices/1;x=1",
    "/fleet/devices/1%3bx=1",
    "/fleet%2fdevices/1",
    "/fleet/devices/1%2Ftelemetry",
    "/fleet/devices/1%00",
    "/fleet/devices/%252e%252e/admin",
    "/fleet/devices/%25252e",
    "/Fleet/Devices/1",
    "/fleet/DEVICES/1",
    "/fleet/devices/1%0d%0aX-Evil:1",
    "/fleet/devices/%zz",
    "/fleet/devices/%",
    "/fleet/devices/é",
    "/fleet/devices/1#x",
    '/fleet/devices/"1"',
    "/fleet/devices/{1}",
  ])("%s is ambiguous", async (path) => {
    const before = gateway.seen.length;
    const response = await gateway.send(path, await bearer());
    expect([response.status, (await problem(response)).code]).toEqual([400, "path_ambiguous"]);
    expect(gateway.seen.length).toBe(before);
  });

  it.each([
    ["/%66leet/devices/%31", "/fleet/devices/1"],
    ["/fleet/devices/caf%c3%a9", "/fleet/devices/caf%C3%A9"],
    ["/fleet/devices/1/", "/fleet/devices/1/"],
    ["/fleet/devices/a.b..c", "/fleet/devices/a.b..c"],
  ])("%s is forwarded as %s", async (path, forwarded) => {
    const response = await gateway.send(path, await bearer({ sub: path }));
    expect(response.status).toBe(200);
    expect(upstreamOf()?.url).toBe(`http://fleet${forwarded}`);
    // What fetch would make of it is the same to the byte, so no parser behind us sees another path.
    expect(new URL(upstreamOf()?.url ?? "").pathname).toBe(forwarded);
  });
});

describe("CORS", () => {
  const preflight = { method: "OPTIONS", headers: { Origin: "https://app.example", "Access-Control-Request-Method": "GET" } };

  it("answers a preflight where the policy says so", async () => {
    const before = gateway.seen.length;
    const response = await gateway.send("/open/a", preflight);
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(response.headers.get("access-control-max-age")).toBe("600");
    expect(gateway.seen.length).toBe(before);
  });

  it("passes a preflight on, unauthenticated, where it does not", async () => {
    const before = gateway.seen.length;
    expect((await gateway.send("/fleet/devices/1", preflight)).status).toBe(200);
    expect(gateway.seen.length).toBe(before + 1);
  });

  it("asks an OPTIONS request that is no preflight for its credential", async () => {
    expect((await gateway.send("/fleet/devices/1", { method: "OPTIONS" })).status).toBe(401);
  });

  it("says nothing to an origin that the policy does not name", async () => {
    const response = await gateway.send("/open/a", { headers: { Origin: "https://evil.example" } });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect(response.headers.get("vary")).toContain("Origin");
  });
});

describe("when something fails", () => {
  it("answers 502 when the upstream cannot be reached, and counts it apart from refusals", async () => {
    const own = await Gateway.start(yaml);
    own.answer = () => Promise.reject(new Error("refused"));
    const response = await own.send("/open/a");
    expect([response.status, (await problem(response)).code]).toEqual([502, "upstream_unreachable"]);
    const [report] = await own.reported();
    expect(report?.rollups.map((row) => [row.verdict, row.requests])).toEqual([["allow", 1]]);
    expect(report?.traffic[0]?.statuses[5]).toBe(1);
  });

  it("answers 504 when the upstream takes longer than the service allows", async () => {
    const own = await Gateway.start(yaml.replace("    auth: []\n", "    auth: []\n    timeout: 1s\n"));
    own.answer = () => new Promise(() => {});
    const response = await own.send("/open/a");
    expect([response.status, (await problem(response)).code]).toEqual([504, "upstream_timeout"]);
  });

  it("answers 503 without a policy, and serves as soon as there is one", async () => {
    const region = new FakeRegion(null);
    const own = new Gateway(region);
    const response = await own.send("/open/a");
    expect([response.status, (await problem(response)).code]).toEqual([503, "policy_missing"]);
    region.sealed = await sealedPolicy(yaml, 1);
    expect((await own.send("/open/a")).status).toBe(200);
  });

  it("keeps the last good policy when the region is away or serves a damaged one", async () => {
    const own = await Gateway.start(yaml);
    expect((await own.send("/open/a")).status).toBe(200);
    const sealed = await sealedPolicy(yaml, 2);
    sealed.image[40] = (sealed.image[40] ?? 0) ^ 1;
    own.region.sealed = sealed;
    await own.reported();
    expect((await own.send("/open/a")).status).toBe(200);
    expect(own.isolate.meta?.version).toBe(1);
    own.region.away = true;
    await own.reported();
    expect((await own.send("/open/a")).status).toBe(200);
  });

  it("follows the fail mode when the core traps, replaces the instance, and counts it", async () => {
    const own = await Gateway.start(yaml.replace("    auth: []\n", "    auth: []\n    failMode: open\n"));
    expect((await own.send("/open/a")).status).toBe(200);
    own.trap = true;
    expect((await own.send("/open/a")).status).toBe(200);
    own.trap = true;
    expect((await own.send("/fleet/devices/1", await bearer())).status).toBe(503);
    expect((await own.send("/fleet/devices/1", await bearer())).status).toBe(200);
    expect(own.isolate.engine.faults).toBe(2);
  });
});

describe("a limit", () => {
  it("is told with every answer, or never, as it says", async () => {
    const address = { headers: { "CF-Connecting-IP": "192.0.2.77" } };
    const told = await gateway.send("/told", address);
    expect([told.status, told.headers.get("ratelimit-policy"), told.headers.get("ratelimit")]).toEqual([
      200,
      '"told";q=10;w=1',
      '"told";r=8;t=1',
    ]);
    const untold = await gateway.send("/told/rarely", address); // the one with least left is to be told to nobody
    expect([untold.status, untold.headers.get("ratelimit-policy")]).toEqual([200, null]);
    const refused = await gateway.send("/told/rarely", address);
    expect([refused.status, refused.headers.get("ratelimit"), refused.headers.get("retry-after")]).toEqual([429, null, null]);
  });
});

describe("a limit by a header and a path parameter", () => {
  it("counts each combination apart", async () => {
    const codes = [];
    for (const [tenant, id] of ["a1", "a2", "b1", "a1"]) {
      codes.push((await gateway.send(`/tenants/${id}`, { headers: { "X-Tenant": tenant ?? "" } })).status);
    }
    expect(codes).toEqual([200, 200, 200, 429]);
  });
});

describe("reports", () => {
  it("count every request once, with names", async () => {
    const own = await Gateway.start(yaml);
    await own.send("/open/a");
    await own.send("/fleet/devices/1");
    await own.send("/fleet/unlisted", await bearer());
    const [report] = await own.reported();
    const rows = report?.rollups.map((row) => [
      report.operations[row.operation]?.operation,
      row.verdict,
      row.reason,
      row.requests,
    ]);
    expect(rows).toEqual(
      expect.arrayContaining([
        ["/open/a", "allow", "", 1],
        ["/fleet/devices/{deviceId}", "refuse", "credential_missing", 1],
        ["(undocumented)", "shadow", "operation_unknown", 1],
      ]),
    );
    expect(report?.requests).toBe(3);
    // Refusals are no answers of the upstream: they must not draw its latency down.
    expect(report?.traffic.map((row) => row.statuses)).toEqual([
      [0, 1, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0],
    ]);
    expect(report?.samples.map((sample) => sample.status).sort()).toEqual([200, 200, 401]);
    expect(JSON.stringify(report)).not.toMatch(/Bearer|eyJ/);
  });

  it("are kept while the region is away, and sent again under the same number", async () => {
    const own = await Gateway.start(yaml);
    await own.send("/open/a");
    own.region.away = true;
    await own.reported();
    expect(own.region.reports).toEqual([]);
    own.region.away = false;
    await own.send("/open/a");
    const reports = await own.reported();
    expect(reports.map((report) => [report.seq, report.requests])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it("bring a new policy into force without a restart", async () => {
    const own = await Gateway.start(yaml);
    await own.send("/open/a");
    own.region.sealed = await sealedPolicy(
      yaml.replace("/open/a]", "/open/b]").replace("auth: []", "auth: []\n    undocumented: refuse"),
      2,
    );
    await own.reported();
    expect(own.isolate.meta?.version).toBe(2);
    expect((await own.send("/open/a")).status).toBe(404);
    expect((await own.send("/open/b")).status).toBe(200);
  });
});

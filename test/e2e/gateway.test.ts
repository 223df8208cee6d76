import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { API_KEY, token } from "./policy.ts";
import { poll } from "./poll.ts";
import { servePolicy } from "./served-policy.ts";

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
}

const served = servePolicy();

/** Calls the gateway with curl: what a client without our habits sends and sees. */
async function curl(path: string, ...args: string[]): Promise<Answer> {
  const { stdout } = await promisify(execFile)("curl", [
    "-sS",
    "-i",
    "--http1.1",
    "--path-as-is",
    ...args,
    served.picket.home + path,
  ]);
  const end = stdout.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = stdout.slice(0, end).split("\r\n");
  const pairs = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(":")).toLowerCase(),
    line.slice(line.indexOf(":") + 1).trim(),
  ]);
  return { status: Number(statusLine.split(" ")[1]), headers: new Map(pairs), body: stdout.slice(end + 4) };
}

const withKey = ["-H", `X-Api-Key: ${API_KEY}`];

describe("what is allowed", () => {
  it("reaches the upstream with the caller named and the credential taken off", async () => {
    const bearer = await token("device-7", "things:read things:write");
    const answer = await curl("/things/7?a=1&b=%20", "-H", `Authorization: Bearer ${bearer}`, "-H", "Picket-Principal: forged");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
    const echo = JSON.parse(answer.body) as Echo;
    expect(echo.url).toBe("/things/7?a=1&b=%20");
    expect(echo.headers["picket-principal"]).toBe("device-7");
    expect(echo.headers["picket-scopes"]).toBe("things:read things:write");
    expect(echo.headers["x-request-id"]).toBe(answer.headers.get("x-request-id"));
    expect(echo.headers.authorization).toBeUndefined();
  });

  it("passes the upstream's own answers unchanged", async () => {
    for (const status of [201, 204, 301, 404, 418, 500, 503]) {
      expect((await curl(`/things/7?status=${status}`, ...withKey)).status).toBe(status);
    }
  });

  it("passes HEAD without a body, ranges and conditional requests", async () => {
    const head = await curl("/things/7/text", "-I", ...withKey);
    expect([head.status, head.headers.get("content-length"), head.body]).toEqual([200, "44", ""]);
    const part = await curl("/things/7/text", ...withKey, "-H", "Range: bytes=4-8");
    expect([part.status, part.headers.get("content-range"), part.body]).toEqual([206, "bytes 4-8/44", "quick"]);
    const same = await curl("/things/7/text", ...withKey, "-H", 'If-None-Match: "fox-1"');
    expect([same.status, same.headers.get("etag"), same.body]).toEqual([304, '"fox-1"', ""]);
  });
});

describe("an upstream that does not answer", () => {
  it("is given up after the service's time, and its connection with it", async () => {
    const answer = await curl("/slow/silence");
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([504, "upstream_timeout"]);
    await poll("the upstream's connection closed", 5_000, () => served.upstream.waiting() === 0);
  });
});

describe("what is refused", () => {
  function problem(answer: Answer, status: number, code: string): void {
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    const body = JSON.parse(answer.body) as Record<string, unknown>;
    expect(body).toMatchObject({ status, code, request_id: answer.headers.get("x-request-id") });
    expect(Object.keys(body).sort()).toEqual(["code", "request_id", "status", "title", "type"]);
  }

  it("asks for a credential", async () => {
    const answer = await curl("/things/7");
    problem(answer, 401, "credential_missing");
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="picket"');
  });

  it("does not say what is wrong with a token", async () => {
    const [head, payload] = (await token("device-7")).split(".");
    for (const bad of [`${head}.${payload}.AAAA`, "x.y.z", "no-token"]) {
      const answer = await curl("/things/7", "-H", `Authorization: Bearer ${bad}`);
      problem(answer, 401, "token_invalid");
      expect(answer.headers.get("www-authenticate")).toContain('error="invalid_token"');
    }
  });

  it("names the scope that is missing", async () => {
    const answer = await curl("/things/7", "-X", "DELETE", ...withKey);
    problem(answer, 403, "scope_missing");
    expect(answer.headers.get("www-authenticate")).toContain('scope="things:delete"');
  });

  it("lets a caller have its own object, and nobody else's", async () => {
    const bearer = ["-H", `Authorization: Bearer ${await token("gerät 7")}`];
    const before = served.upstream.requests();
    for (const other of ["ger%C3%A4t%208", "tester", "ger%C3%A4t"]) {
      const answer = await curl(`/things/${other}/own`, ...bearer);
      problem(answer, 403, "object_not_owned");
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="picket"');
    }
    problem(await curl("/things/ger%C3%A4t%207/own", ...withKey), 403, "object_not_owned");
    expect(served.upstream.requests()).toBe(before);
    for (const own of [await curl("/things/ger%C3%A4t%207/own", ...bearer), await curl("/things/tester/own", ...withKey)]) {
      expect(own.status).toBe(200);
    }
  });

  it("says when to come back", async () => {
    expect((await curl("/scarce", ...withKey)).status).toBe(200);
    const answer = await curl("/scarce", ...withKey);
    problem(answer, 429, "rate_limited");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(50);
    expect(answer.headers.get("ratelimit-policy")).toBe('"one-a-minute";q=1;w=60');
    expect(answer.headers.get("ratelimit")).toMatch(/^"one-a-minute";r=0;t=\d+$/);
  });

  it("refuses a body on GET, however its length is told, and takes one that is empty", async () => {
    problem(await curl("/things/7", "-X", "GET", "-d", "a=1", ...withKey), 400, "body_refused");
    const chunked = ["-X", "GET", "-H", "Transfer-Encoding: chunked", "-d", "a=1"];
    problem(await curl("/things/7", ...chunked, ...withKey), 400, "body_refused");
    const both = await curl("/things/7", ...chunked, "-H", "Content-Length: 0", ...withKey);
    expect(both.status).toBe(400);
    const empty = await curl("/things/7", "-X", "GET", "-d", "", ...withKey);
    expect([empty.status, (JSON.parse(empty.body) as Echo).method]).toEqual([200, "GET"]);
  });

  it("knows no service outside the policy", async () => {
    problem(await curl("/.env"), 404, "service_unknown");
  });

  it("never lets matcher and upstream read a path in two ways", async () => {
    const ambiguous = [
      "/things/%2e%2e/open/1",
      "/things/a%2fb",
      "/things/a%5cb",
      "/things/a\\b",
      "/things/a%00",
      "/things/%252e%252e/x",
      "/things/a;b=1/../../x",
    ];
    const before = served.upstream.requests();
    for (const path of ambiguous) expect([path, (await curl(path, ...withKey)).status]).toEqual([path, 400]);
    expect(served.upstream.requests()).toBe(before);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExampleApi, startExampleApi } from "../cli/example/api.ts";

let api: ExampleApi;
beforeAll(async () => {
  api = await startExampleApi(0, 1);
});
afterAll(() => api.close());

function call(path: string, init?: RequestInit): Promise<Response> {
  return fetch(`http://127.0.0.1:${api.port}${path}`, init);
}

describe("firmware", () => {
  const path = "/fleet/firmware/4.2.0";
  const size = 256 * 1024;

  it("comes whole, in part, or not again", async () => {
    const whole = await call(path);
    expect((await whole.arrayBuffer()).byteLength).toBe(size);
    const etag = whole.headers.get("etag") ?? "";
    const part = await call(path, { headers: { Range: "bytes=10-19" } });
    expect([part.status, part.headers.get("content-range"), (await part.arrayBuffer()).byteLength]).toEqual([
      206,
      `bytes 10-19/${size}`,
      10,
    ]);
    const rest = await call(path, { headers: { Range: `bytes=${size - 5}-` } });
    expect((await rest.arrayBuffer()).byteLength).toBe(5);
    expect((await call(path, { headers: { "If-None-Match": etag } })).status).toBe(304);
  });

  it("has no range beyond its end, and no unknown version", async () => {
    const beyond = await call(path, { headers: { Range: `bytes=${size}-` } });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${size}`]);
    expect((await call("/fleet/firmware/0.0.1")).status).toBe(404);
  });

  it("tells its size to HEAD", async () => {
    const head = await call(path, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, String(size), ""]);
  });
});

describe("devices", () => {
  it("take telemetry as JSON objects of bounded size", async () => {
    const post = (path: string, body: string) => call(path, { method: "POST", body }).then(({ status }) => status);
    expect(await post("/fleet/devices/dev-0001/telemetry", '{"temperature":20}')).toBe(202);
    expect(await post("/fleet/devices/dev-0001/telemetry", "[1]")).toBe(400);
    expect(await post("/fleet/devices/dev-0001/telemetry", `{"a":"${"x".repeat(70_000)}"}`)).toBe(400);
    expect(await post("/fleet/devices/nobody/telemetry", "{}")).toBe(404);
  });

  it("are told commands as events while they listen", async () => {
    const aborted = new AbortController();
    const response = await call("/fleet/devices/dev-0001/commands", {
      headers: { Accept: "text/event-stream" },
      signal: aborted.signal,
    });
    const first = await response.body?.getReader().read();
    expect(new TextDecoder().decode(first?.value as Uint8Array)).toContain('data: {"device":"dev-0001"');
    aborted.abort();
  });
});

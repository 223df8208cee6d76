import { expect, it } from "vitest";
import { upstreamHeaders } from "../../worker/gateway/upstream-headers.ts";

const hop = {
  address: "198.51.100.7",
  host: "api.example:8787",
  proto: "https",
  requestId: "0123456789abcdef",
  principal: "sensor-1",
  scopes: "telemetry:write devices:read",
  credentials: ["authorization", "x-api-key"],
};

it("says who calls, and through what", () => {
  const headers = upstreamHeaders(new Headers({ Accept: "*/*" }), hop);
  expect(Object.fromEntries(headers)).toEqual({
    accept: "*/*",
    forwarded: 'for=198.51.100.7;host="api.example:8787";proto=https',
    "picket-principal": "sensor-1",
    "picket-scopes": "telemetry:write devices:read",
    "x-forwarded-for": "198.51.100.7",
    "x-forwarded-host": "api.example:8787",
    "x-forwarded-proto": "https",
    "x-request-id": "0123456789abcdef",
  });
});

it.each([
  ["Picket-Principal", "root"],
  ["Picket_Principal", "root"],
  ["PICKET-SCOPES", "admin"],
  ["picket_scopes", "admin"],
  ["X-Real-IP", "127.0.0.1"],
  ["X-Request-Id", "mine"],
  ["X-Forwarded-For", "127.0.0.1"],
  ["X-Forwarded-Host", "evil"],
  ["Forwarded", "for=127.0.0.1"],
])("takes %s from nobody", (name, value) => {
  const anonymous = { ...hop, principal: "", scopes: "", address: null };
  const headers = upstreamHeaders(new Headers({ [name]: value }), anonymous);
  expect([...headers].map(([, v]) => v)).not.toContain(value);
});

it("removes hop-by-hop headers and those that Connection names, but never ours", () => {
  const from = new Headers({
    Connection: "close, X-Secret-Hop, Picket-Principal, X-Request-Id",
    "Keep-Alive": "timeout=5",
    "Proxy-Authorization": "Basic x",
    TE: "trailers",
    "X-Secret-Hop": "1",
    "X-Kept": "1",
  });
  const headers = upstreamHeaders(from, hop);
  for (const name of ["connection", "keep-alive", "proxy-authorization", "te", "x-secret-hop"])
    expect(headers.has(name)).toBe(false);
  expect(headers.get("x-kept")).toBe("1");
  expect(headers.get("picket-principal")).toBe("sensor-1");
  expect(headers.get("x-request-id")).toBe(hop.requestId);
});

it("removes credentials that it judged, and leaves them where it judged none", () => {
  const from = new Headers({ Authorization: "Bearer a", "X-Api-Key": "b", Cookie: "c" });
  expect([...upstreamHeaders(from, hop).keys()]).not.toContain("authorization");
  expect([...upstreamHeaders(from, hop).keys()]).not.toContain("x-api-key");
  expect(upstreamHeaders(from, { ...hop, credentials: [] }).get("authorization")).toBe("Bearer a");
});

it("quotes an IPv6 address (RFC 7239 §6) and keeps a WebSocket's Upgrade", () => {
  const from = new Headers({ Upgrade: "websocket", Connection: "Upgrade" });
  const headers = upstreamHeaders(from, { ...hop, address: "2001:db8::1" });
  expect(headers.get("forwarded")).toContain('for="[2001:db8::1]"');
  expect(headers.get("upgrade")).toBe("websocket");
});

it("encodes a principal that a header cannot carry, reversibly", () => {
  const principal = "Ünïcode % name";
  const value = upstreamHeaders(new Headers(), { ...hop, principal }).get("picket-principal") ?? "";
  expect(value).toMatch(/^[\x20-\x7e]+$/);
  expect(decodeURIComponent(value)).toBe(principal);
});

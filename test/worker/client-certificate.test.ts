import { beforeEach, describe, expect, it } from "vitest";
import { Gateway } from "./gateway-fixture.ts";
import { issued } from "./possession-fixture.ts";

const auth = (name: string, more: string) =>
  `  - { name: ${name}, type: jwt, issuer: "https://id.example", audience: fleet, keys: [{ kid: d1, secret: env:S }]${more} }`;
const yaml = `
picket: 1
services:
  - { name: plain, match: { path: /plain }, upstream: binding:FLEET, auth: [plain], undocumented: allow }
  - { name: bound, match: { path: /bound }, upstream: binding:FLEET, auth: [bound], undocumented: allow }
authenticators:
${auth("plain", "")}
${auth("bound", ", boundTo: mtls")}
`;
const fingerprint = `${"3f".repeat(31)}aB`;
const x5t = btoa(String.fromCharCode(...(fingerprint.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))))
  .replaceAll("+", "-")
  .replaceAll("/", "_")
  .replaceAll("=", "");
const cnf = { "x5t#S256": x5t };
/** As Cloudflare reports a certificate that it has verified. */
const shown = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certFingerprintSHA256: fingerprint };

let gateway: Gateway;
beforeEach(async () => {
  gateway = await Gateway.start(yaml);
});

async function send(path: string, bound: Record<string, unknown> | undefined, tlsClientAuth: unknown): Promise<[number, string]> {
  const cf = tlsClientAuth === undefined ? {} : { tlsClientAuth };
  const init = { headers: { Authorization: `Bearer ${await issued(bound)}` }, cf } as unknown as RequestInit;
  const response = await gateway.send(path, init);
  return [response.status, response.status === 200 ? "" : ((await response.json()) as { code: string }).code];
}

const refused = [401, "certificate_mismatch"];

describe("a token that is bound to a certificate (RFC 8705 §3)", () => {
  it.each(["/plain", "/bound"])("passes at %s with that certificate", async (path) => {
    expect(await send(path, cnf, shown)).toEqual([200, ""]);
    expect(await send(path, cnf, { ...shown, certFingerprintSHA256: fingerprint.toLowerCase() })).toEqual([200, ""]);
  });

  it.each<[string, unknown]>([
    ["without one", undefined],
    [
      "without one, as Cloudflare says it",
      { certPresented: "0", certVerified: "NONE", certRevoked: "0", certFingerprintSHA256: "" },
    ],
    ["with another", { ...shown, certFingerprintSHA256: "ab".repeat(32) }],
    ["with one that nobody vouches for", { ...shown, certVerified: "FAILED:self signed certificate" }],
    ["with one that is revoked", { ...shown, certRevoked: "1" }],
    ["with one that was not presented", { ...shown, certPresented: "0" }],
    ["with a fingerprint that is none", { ...shown, certFingerprintSHA256: fingerprint.slice(2) }],
  ])("is refused %s", async (_, tlsClientAuth) => {
    expect(await send("/plain", cnf, tlsClientAuth)).toEqual(refused);
    expect(await send("/bound", cnf, tlsClientAuth)).toEqual(refused);
  });

  it("is refused after a request with the right one", async () => {
    expect(await send("/bound", cnf, shown)).toEqual([200, ""]);
    expect(await send("/bound", cnf, undefined)).toEqual(refused);
  });
});

it("a token that is not bound is refused where the policy says so, whatever certificate comes with it", async () => {
  expect(await send("/bound", undefined, shown)).toEqual(refused);
  expect(await send("/plain", undefined, shown)).toEqual([200, ""]);
});

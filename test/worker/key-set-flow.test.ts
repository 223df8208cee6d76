import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Gateway } from "./gateway-fixture.ts";

const url = "https://id.example/jwks.json";
const yaml = `
picket: 1
services:
  - { name: fleet, match: { path: / }, upstream: binding:FLEET, owner: a, auth: [es], operations: [GET /x] }
authenticators:
  - { name: es, type: jwt, issuer: es, audience: fleet, algorithms: [ES256], jwks: "${url}", verifications: { rate: 1000/1s, burst: 1000 } }
`;

let published: Record<string, unknown>[] = [];
let status = 200;
let asked: { url: string; redirect: string | undefined }[] = [];
let gateway: Gateway;

beforeEach(async () => {
  [published, status, asked] = [[], 200, []];
  vi.stubGlobal("fetch", async (given: string, init: RequestInit) => {
    asked.push({ url: given, redirect: init.redirect });
    return status === 200
      ? Response.json({ keys: published })
      : new Response("", { status, headers: { Location: "http://10.0.0.1/" } });
  });
  gateway = await Gateway.start(yaml);
});
afterEach(() => void vi.unstubAllGlobals());

async function newKey(kid: string): Promise<(sub?: string) => Promise<string>> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  published.push({ ...(await exportJWK(publicKey)), kid, use: "sig", alg: "ES256" });
  const exp = Math.floor(Date.now() / 1000) + 300;
  return (sub = "s") =>
    new SignJWT({ iss: "es", aud: "fleet", sub, exp }).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
}

const send = async (token: string) => {
  const response = await gateway.send("/x", { headers: { Authorization: `Bearer ${token}` } });
  return [response.status, response.status === 200 ? "" : ((await response.json()) as { code: string }).code];
};

it("fetches the issuer's keys once, for many tokens at once", async () => {
  const sign = await newKey("k1");
  const tokens = await Promise.all(Array.from({ length: 10 }, (_, i) => sign(`s${i}`)));
  expect(await Promise.all(tokens.map(send))).toEqual(tokens.map(() => [200, ""]));
  expect(asked).toEqual([{ url, redirect: "manual" }]);
});

it("takes a new key with the first token that it signed, and lets a flood of others cost one fetch", async () => {
  const first = await newKey("k1");
  expect(await send(await first())).toEqual([200, ""]);
  const second = await newKey("k2");
  expect(await send(await second())).toEqual([200, ""]);
  expect(asked.length).toBe(2);
  const [header, payload, signature] = (await second()).split(".") as [string, string, string];
  for (let i = 0; i < 20; i++) {
    const other = btoa(atob(header).replace("k2", `j${i}`)).replace(/=+$/, "");
    expect(await send(`${other}.${payload}.${signature}`)).toEqual([401, "token_invalid"]);
  }
  expect(asked.length).toBe(2);
  expect(await send(await first("other"))).toEqual([200, ""]);
});

it.each([500, 302])("answers 503 while it has no keys: status %i, no redirect followed", async (given) => {
  const sign = await newKey("k1");
  status = given;
  expect(await send(await sign())).toEqual([503, "keys_unavailable"]);
  expect(await send(await sign())).toEqual([503, "keys_unavailable"]);
  expect(asked.length).toBe(1);
  const [report] = await gateway.reported();
  expect(report?.rollups.map(({ reason, requests }) => [reason, requests])).toEqual([["keys_unavailable", 2]]);
});

import { createHash, randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Picket } from "./picket-process.ts";
import { environment, policyFile } from "./policy.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

const policy = (upstream: string) => `picket: 1
services:
  - { name: bound, match: { path: /bound }, upstream: "${upstream}", owner: tests, auth: [bound], operations: ["GET /bound/{id}", "POST /bound/{id}"], undocumented: refuse }
authenticators:
  - { name: bound, type: jwt, issuer: https://id.test, audience: things, keys: [{ kid: k1, secret: env:E2E_TOKEN_SECRET }], dpop: required, dpopNonce: true }
`;

let upstream: Upstream;
let picket: Picket;
beforeAll(async () => {
  upstream = await startUpstream();
  picket = await Picket.start({ args: ["--policy", policyFile(policy(upstream.origin))], env: environment });
});
afterAll(async () => {
  await picket.stop();
  picket.remove();
  await upstream.close();
});

/** A DPoP client as RFC 9449 §5 to §9 describes one: it signs each request, and tries again with the nonce that it is given. */
class DpopClient {
  readonly #key: CryptoKey;
  readonly #jwk: Record<string, unknown>;
  readonly token: string;
  #nonce: string | undefined;
  /** The proof that was sent last. */
  proof = "";

  constructor(key: CryptoKey, jwk: Record<string, unknown>, token: string) {
    this.#key = key;
    this.#jwk = jwk;
    this.token = token;
  }

  static async start(): Promise<DpopClient> {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const jwk = await exportJWK(publicKey);
    const token = await new SignJWT({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .setIssuer("https://id.test")
      .setAudience("things")
      .setSubject("device-7")
      .setExpirationTime("10m")
      .sign(new TextEncoder().encode(environment.E2E_TOKEN_SECRET));
    return new DpopClient(privateKey, jwk, token);
  }

  async fetch(url: string, method = "GET"): Promise<Response> {
    const first = await this.#send(url, method);
    const nonce = first.headers.get("dpop-nonce");
    if (nonce !== null) this.#nonce = nonce;
    if (first.status !== 401 || !first.headers.get("www-authenticate")?.includes("use_dpop_nonce")) return first;
    await first.body?.cancel();
    return this.#send(url, method);
  }

  async #send(url: string, method: string): Promise<Response> {
    const ath = createHash("sha256").update(this.token).digest("base64url");
    const htu = url.replace(/[?#].*$/, "");
    this.proof = await new SignJWT({ jti: randomUUID(), htm: method, htu, ath, ...(this.#nonce && { nonce: this.#nonce }) })
      .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk: this.#jwk })
      .setIssuedAt()
      .sign(this.#key);
    return fetch(url, { method, headers: { Authorization: `DPoP ${this.token}`, DPoP: this.proof } });
  }
}

it("a client with its key calls as often as it likes; its token and proofs are no use to anyone else", async () => {
  const client = await DpopClient.start();
  for (const [path, method] of [
    ["/bound/1", "GET"],
    ["/bound/2?a=1", "POST"],
    ["/bound/caf%C3%A9", "GET"],
  ] as const) {
    const answer = await client.fetch(picket.home + path, method);
    expect(answer.status).toBe(200);
    const echo = (await answer.json()) as { url: string; headers: Record<string, string> };
    expect(echo.headers["picket-principal"]).toBe("device-7");
    expect([echo.headers.authorization, echo.headers.dpop]).toEqual([undefined, undefined]);
  }

  const { token, proof } = client;
  const steal = async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(picket.home + path, { headers });
    return [answer.status, ((await answer.json()) as { code: string }).code];
  };
  expect(await steal("/bound/1", { Authorization: `Bearer ${token}` })).toEqual([401, "proof_missing"]);
  expect(await steal("/bound/1", { Authorization: `DPoP ${token}` })).toEqual([401, "proof_missing"]);
  expect(await steal("/bound/1", { Authorization: `DPoP ${token}`, DPoP: proof })).toEqual([401, "proof_invalid"]);
  expect(await steal("/bound/caf%C3%A9", { Authorization: `DPoP ${token}`, DPoP: proof })).toEqual([401, "proof_replayed"]);
  expect(await steal("/bound/caf%C3%A9", { Authorization: `Bearer ${token}`, DPoP: proof })).toEqual([401, "proof_missing"]);
});

import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Gateway, sealedPolicy } from "./gateway-fixture.ts";
import { type Client, issued, newClient, proof } from "./possession-fixture.ts";

const service = (name: string, more = "") =>
  `  - { name: ${name}, match: { path: /${name} }, upstream: binding:FLEET, owner: a, auth: [${name}], undocumented: allow${more} }`;
const auth = (name: string, more: string) =>
  `  - { name: ${name}, type: jwt, issuer: "https://id.example", audience: fleet, keys: [{ kid: d1, secret: env:S }]${more} }`;
const yaml = `
picket: 1
services:
${service("plain")}
${service("allowed", ', cors: { origins: ["https://app.example"] }')}
${service("required")}
${service("nonce", ', cors: { origins: ["https://app.example"] }')}
${service("passed", ", passCredential: true")}
${service("scarce")}
authenticators:
${auth("plain", "")}
${auth("allowed", ", dpop: allowed")}
${auth("required", ", dpop: required")}
${auth("nonce", ", dpop: required, dpopNonce: true")}
${auth("passed", ", dpop: required")}
${auth("scarce", ", dpop: required, verifications: { rate: 1/1m, burst: 2 }")}
`;
/** The same without DPoP. */
const without = yaml.replaceAll(/, dpop\w*: \w+/g, "");
const base = "http://gateway.test";
const algs = 'algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"';

let client: Client;
let token: string;
let gateway: Gateway;
beforeAll(async () => {
  client = await newClient();
  token = await issued({ jkt: client.jkt });
});
beforeEach(async () => {
  gateway = await Gateway.start(yaml);
});

async function send(path: string, dpop: string | null, { scheme = "DPoP", init = {} as RequestInit, more = {} } = {}) {
  const headers: Record<string, string> = { Authorization: `${scheme} ${token}`, "CF-Connecting-IP": "192.0.2.1", ...more };
  if (dpop !== null) headers.DPoP = dpop;
  const response = await gateway.send(path, { ...init, headers });
  const { status } = response;
  const code = status === 200 ? "" : ((await response.json()) as { code: string }).code;
  return { status, code, headers: response.headers, challenge: response.headers.get("www-authenticate") };
}

describe("a request with its proof", () => {
  it.each(["ES256", "EdDSA"])("passes, signed with %s, and neither token nor proof reaches the upstream", async (algorithm) => {
    client = await newClient(algorithm);
    token = await issued({ jkt: client.jkt });
    const { status } = await send("/required/x?q=1", await proof(client, token, `${base}/required/x`));
    expect(status).toBe(200);
    const [seen] = gateway.seen;
    expect(seen?.headers.get("picket-principal")).toBe("sensor-1");
    expect([seen?.headers.get("authorization"), seen?.headers.get("dpop")]).toEqual([null, null]);
    expect(gateway.isolate.verifier.verifications).toBe(1);
  });

  it("is passed on whole where the upstream checks again", async () => {
    const dpop = await proof(client, token, `${base}/passed`);
    expect((await send("/passed", dpop)).status).toBe(200);
    expect(gateway.seen[0]?.headers.get("dpop")).toBe(dpop);
  });

  it("is counted once, and its proof used once", async () => {
    const dpop = await proof(client, token, `${base}/required`);
    expect((await send("/required", dpop)).status).toBe(200);
    const again = await send("/required", dpop);
    expect([again.status, again.code]).toEqual([401, "proof_replayed"]);
    const [report] = await gateway.reported();
    expect(report?.rollups.map(({ reason, requests }) => [reason, requests]).sort()).toEqual([
      ["", 1],
      ["proof_replayed", 1],
    ]);
  });

  it("passes once when it is sent many times at once", async () => {
    const dpop = await proof(client, token, `${base}/required`);
    const answers = await Promise.all(Array.from({ length: 8 }, () => send("/required", dpop)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401, 401, 401, 401]);
    expect(gateway.seen.length).toBe(1);
  });

  it("is the request that was sent, whatever others do to the core's memory meanwhile", async () => {
    const clients = await Promise.all(Array.from({ length: 12 }, () => newClient()));
    const requests = await Promise.all(
      clients.map(async (one, i) => {
        const own = await issued({ jkt: one.jkt }, { sub: `s-${i}` });
        return { own, dpop: await proof(one, own, `${base}/required/${i}`) };
      }),
    );
    const answers = await Promise.all(
      requests.map(({ own, dpop }, i) =>
        gateway.send(`/required/${i}`, {
          headers: { Authorization: `DPoP ${own}`, DPoP: dpop, "CF-Connecting-IP": `192.0.2.${i}` },
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(clients.map(() => 200));
    expect(gateway.seen.map(({ headers }) => headers.get("picket-principal")).sort()).toEqual(
      clients.map((_, i) => `s-${i}`).sort(),
    );
  });

  it("costs two verifications where its token needs one as well, and no third", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const entry = `keys: [{ kid: k, jwk: ${JSON.stringify(await exportJWK(publicKey))} }]`;
    gateway = await Gateway.start(`
picket: 1
services: [{ name: a, match: { path: / }, upstream: binding:FLEET, auth: [a], undocumented: allow }]
authenticators: [{ name: a, type: jwt, issuer: i, audience: a, algorithms: [ES256], dpop: required, ${entry} }]
`);
    const exp = Math.floor(Date.now() / 1000) + 300;
    token = await new SignJWT({ iss: "i", aud: "a", sub: "s", exp, cnf: { jkt: client.jkt } })
      .setProtectedHeader({ alg: "ES256", kid: "k" })
      .sign(privateKey);
    for (const count of [2, 3, 4]) {
      expect((await send("/x", await proof(client, token, `${base}/x`))).status).toBe(200);
      expect(gateway.isolate.verifier.verifications).toBe(count);
    }
    token = await issued({ jkt: client.jkt });
  });

  it("is judged by the policy that came into force while its proof was verified", async () => {
    const dpop = await proof(client, token, `${base}/required`);
    const verify = crypto.subtle.verify.bind(crypto.subtle);
    const spy = vi.spyOn(crypto.subtle, "verify").mockImplementationOnce(async (...given) => {
      gateway.region.sealed = await sealedPolicy(without, 2);
      await gateway.isolate.refresh(gateway.region, Date.now());
      return verify(...given);
    });
    const { status, challenge } = await send("/required", dpop);
    spy.mockRestore();
    expect([status, challenge]).toEqual([401, 'Bearer realm="picket"']);
  });

  it("fails closed when the core cannot remember", async () => {
    vi.spyOn(gateway.isolate.engine, "remember").mockImplementation(() => {});
    expect((await send("/required", await proof(client, token, `${base}/required`))).status).toBe(401);
    expect(gateway.seen).toEqual([]);
  });

  it("is refused before any verification once its address has had too many", async () => {
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await send("/scarce", await proof(client, token, `${base}/scarce`)));
    expect(answers.map(({ code }) => code)).toEqual(["", "", "verification_limited"]);
    expect(answers[2]?.headers.get("retry-after")).toBe("60");
    expect(gateway.isolate.verifier.verifications).toBe(2);
  });
});

describe("a refusal", () => {
  it("says what is missing, for each scheme that the service takes", async () => {
    const bearer = 'Bearer realm="picket"';
    const dpop = `DPoP realm="picket", ${algs}`;
    const invalid = ', error="invalid_token"';
    const asBearer = { scheme: "Bearer" };
    expect(await send("/plain", null, asBearer)).toMatchObject({
      status: 401,
      code: "proof_missing",
      challenge: `${bearer}${invalid}`,
    });
    expect(await send("/required", null)).toMatchObject({ code: "proof_missing", challenge: `${dpop}${invalid}` });
    // RFC 9449 §7.2: a bound token that is sent as a bearer token.
    const downgraded = await send("/allowed", await proof(client, token, `${base}/allowed`), asBearer);
    expect(downgraded).toMatchObject({ code: "proof_missing", challenge: `${bearer}${invalid}, ${dpop}${invalid}` });
    const wrong = await send("/allowed", await proof(client, token, `${base}/other`));
    expect(wrong).toMatchObject({ status: 401, code: "proof_invalid", challenge: `${dpop}, error="invalid_dpop_proof"` });
    const none = await gateway.send("/required");
    expect([none.status, none.headers.get("www-authenticate")]).toEqual([401, dpop]);
    expect(gateway.seen).toEqual([]);
  });

  it("is one for two proofs, whether they come in one header or in two", async () => {
    const headers = new Headers({ Authorization: `DPoP ${token}`, "CF-Connecting-IP": "192.0.2.1" });
    for (let i = 0; i < 2; i++) headers.append("DPoP", await proof(client, token, `${base}/required`));
    expect((await gateway.send("/required", { headers })).status).toBe(401);
  });

  it("is one for a proof that is forged", async () => {
    const good = await proof(client, token, `${base}/required`);
    const forged = `${good.slice(0, -8)}${good.at(-8) === "A" ? "B" : "A"}${good.slice(-7)}`;
    expect(await send("/required", forged)).toMatchObject({ status: 401, code: "proof_invalid" });
    expect((await send("/required", good)).status).toBe(200);
  });

  it("lets a page read why, and send proofs", async () => {
    const more = { Origin: "https://app.example" };
    const refused = await send("/allowed", null, { more });
    expect(refused.headers.get("access-control-expose-headers")).toContain("WWW-Authenticate, DPoP-Nonce");
    const preflight = await gateway.send("/allowed", {
      method: "OPTIONS",
      headers: { Origin: "https://app.example", "Access-Control-Request-Method": "GET" },
    });
    expect(preflight.headers.get("access-control-allow-headers")).toBe("Authorization, Content-Type, DPoP");
  });
});

describe("a nonce", () => {
  const withNonce = async (nonce: string | null) =>
    send("/nonce", await proof(client, token, `${base}/nonce`, nonce === null ? {} : { nonce }));

  it("is asked for, given, taken, and renewed as it grows old", async () => {
    const first = await withNonce(null);
    const nonce = first.headers.get("dpop-nonce") ?? "";
    expect(first).toMatchObject({
      status: 401,
      code: "nonce_required",
      challenge: `DPoP realm="picket", ${algs}, error="use_dpop_nonce"`,
    });
    expect(nonce).toMatch(/^[\w-]{22}$/);
    const second = await withNonce(nonce);
    expect([second.status, second.headers.get("dpop-nonce")]).toEqual([200, null]);
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now + 120_000);
    const third = await withNonce(nonce);
    const next = third.headers.get("dpop-nonce") ?? "";
    vi.spyOn(Date, "now").mockReturnValue(now + 240_000);
    expect([third.status, (await withNonce(nonce)).code, (await withNonce(next)).status]).toEqual([200, "nonce_required", 200]);
    vi.restoreAllMocks();
  });

  it("of another isolate is as good", async () => {
    const nonce = (await withNonce(null)).headers.get("dpop-nonce");
    gateway = await Gateway.start(yaml);
    expect((await withNonce(nonce)).status).toBe(200);
  });
});

it("reads no DPoP header where no authenticator takes proofs", async () => {
  gateway = await Gateway.start(without);
  const get = vi.spyOn(Headers.prototype, "get");
  token = await issued();
  expect((await send("/plain", "anything", { scheme: "Bearer" })).status).toBe(200);
  expect(get.mock.calls.map(([name]) => name.toLowerCase())).not.toContain("dpop");
  get.mockRestore();
});

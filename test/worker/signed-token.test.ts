import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, it, vi } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { type Algorithm, isSymmetric } from "../../worker/policy/algorithms.ts";
import { FakeRegion, Gateway, sealedPolicy } from "./gateway-fixture.ts";

const publicAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const;
const secret = "a shared secret that is long enough for HS512: 64 bytes, or more!";
const issuer = (algorithm: Algorithm) => `https://${algorithm}.example`;

interface Signer {
  algorithm: Algorithm;
  key: CryptoKey | Uint8Array;
  entry: string;
}

async function signerOf(algorithm: Algorithm): Promise<Signer> {
  if (isSymmetric(algorithm)) {
    return { algorithm, key: new TextEncoder().encode(secret), entry: "{ kid: k, secret: env:SHARED }" };
  }
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { algorithm, key: privateKey, entry: `{ kid: k, jwk: ${JSON.stringify(await exportJWK(publicKey))} }` };
}

function policyOf(signers: readonly Signer[], more = ""): string {
  const list = signers.map(
    ({ algorithm, entry }) =>
      `  - { name: ${algorithm.toLowerCase()}, type: jwt, issuer: "${issuer(algorithm)}", audience: fleet, algorithms: [${algorithm}], keys: [${entry}]${more} }`,
  );
  const names = signers.map(({ algorithm }) => algorithm.toLowerCase());
  return `
picket: 1
services:
  - { name: fleet, match: { path: / }, upstream: binding:FLEET, owner: a, auth: [${names.join(", ")}], limits: [few], operations: [GET /x] }
authenticators:
${list.join("\n")}
limits:
  - { name: few, by: principal, rate: 1000/1h, burst: 5 }
`;
}

async function tokenOf({ algorithm, key }: Signer, claims: Record<string, unknown> = {}, header = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  return new SignJWT({ iss: issuer(algorithm), aud: "fleet", sub: "sensor-1", exp, ...claims })
    .setProtectedHeader({ alg: algorithm, kid: "k", ...header })
    .sign(key);
}

const forged = (token: string) => `${token.slice(0, -8)}${token.at(-8) === "A" ? "B" : "A"}${token.slice(-7)}`;
const code = async (response: Response) => ((await response.json()) as { code: string }).code;

let signers: Signer[];
beforeAll(async () => {
  signers = await Promise.all([...publicAlgorithms, "HS384" as const, "HS512" as const].map(signerOf));
});
const named = (algorithm: Algorithm) => signers.find((signer) => signer.algorithm === algorithm) as Signer;

async function start(more = "", chosen = signers): Promise<Gateway> {
  const yaml = policyOf(chosen, more);
  return new Gateway(new FakeRegion(await sealedPolicy(yaml, 1, secret)));
}

/** From an address of its own, so that no test meets another's verification limit. */
const send = (gateway: Gateway, token: string, address = "192.0.2.1") =>
  gateway.send("/x", { headers: { Authorization: `Bearer ${token}`, "CF-Connecting-IP": address } });

describe.each([...publicAlgorithms, "HS384", "HS512"] as const)("a token signed with %s", (algorithm) => {
  it("is verified once, and from then on known", async () => {
    const gateway = await start();
    const token = await tokenOf(named(algorithm));
    const verify = vi.spyOn(crypto.subtle, "verify");
    for (let i = 0; i < 3; i++) {
      const response = await send(gateway, token);
      expect(response.status).toBe(200);
      await response.text();
    }
    expect(verify).toHaveBeenCalledTimes(1);
    verify.mockRestore();
    expect(gateway.isolate.verifier.verifications).toBe(1);
    expect(gateway.seen.map(({ headers }) => headers.get("picket-principal"))).toEqual(["sensor-1", "sensor-1", "sensor-1"]);
  });

  it("is refused when it is forged, verified once in five seconds", async () => {
    const gateway = await start();
    const token = forged(await tokenOf(named(algorithm)));
    for (let i = 0; i < 3; i++) expect([(await send(gateway, token)).status]).toEqual([401]);
    expect(gateway.isolate.verifier.verifications).toBe(1);
    expect(gateway.seen).toEqual([]);
  });
});

describe("a request whose token is verified", () => {
  it("is counted once, sampled once and charged once", async () => {
    const gateway = await start();
    const token = await tokenOf(named("ES256"));
    for (let i = 0; i < 6; i++) await (await send(gateway, token)).text();
    await send(gateway, forged(token));
    const [report] = await gateway.reported();
    const counts = report?.rollups.map(({ verdict, reason, requests }) => [verdict, reason, requests]);
    expect(counts?.sort()).toEqual([
      ["allow", "", 5],
      ["refuse", "rate_limited", 1],
      ["refuse", "signature_invalid", 1],
    ]);
    expect(report?.requests).toBe(7);
    expect(report?.samples.length).toBe(7);
  });

  it("is the request that was sent, whatever others do to the core's memory meanwhile", async () => {
    const gateway = await start();
    const subjects = Array.from({ length: 20 }, (_, i) => `s-${i}`);
    const tokens = await Promise.all(subjects.map((sub, i) => tokenOf(signers[i % 8] as Signer, { sub })));
    const answers = await Promise.all(tokens.map((token) => send(gateway, token)));
    expect(answers.map(({ status }) => status)).toEqual(subjects.map(() => 200));
    expect(gateway.seen.map(({ headers }) => headers.get("picket-principal")).sort()).toEqual([...subjects].sort());
  });

  it("is judged by the policy that came into force meanwhile", async () => {
    const gateway = await start();
    const other = await signerOf("ES256");
    const token = await tokenOf(named("ES256"));
    const verify = crypto.subtle.verify.bind(crypto.subtle);
    const sealed = await sealedPolicy(policyOf([other]), 2, secret);
    const spy = vi.spyOn(crypto.subtle, "verify").mockImplementationOnce(async (...given) => {
      gateway.region.sealed = sealed;
      await gateway.isolate.refresh(gateway.region, Date.now());
      return verify(...given);
    });
    expect((await send(gateway, token)).status).toBe(401);
    spy.mockRestore();
    expect((await send(gateway, await tokenOf(other))).status).toBe(200);
  });

  it("fails closed when the core cannot remember", async () => {
    const gateway = await start();
    vi.spyOn(gateway.isolate.engine, "remember").mockImplementation(() => {});
    expect((await send(gateway, await tokenOf(named("ES256")))).status).toBe(401);
    const [report] = await gateway.reported();
    expect(report?.rollups.map(({ reason, requests }) => [reason, requests])).toEqual([["signature_invalid", 1]]);
  });

  it("is refused before any verification once its address has had too many", async () => {
    const gateway = await start(", verifications: { rate: 2/1m, burst: 3 }");
    const tokens = await Promise.all([1, 2, 3, 4].map((i) => tokenOf(named("EdDSA"), { sub: `s${i}` })));
    const junk = await Promise.all(tokens.map((token) => send(gateway, forged(token))));
    expect(junk.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
    const refused = junk[3] as Response;
    expect(refused.headers.get("retry-after")).toBe("30");
    expect(refused.headers.get("ratelimit-policy")).toBe('"verifications";q=2;w=60');
    expect(await code(refused)).toBe("verification_limited");
    expect(gateway.isolate.verifier.verifications).toBe(3);
    expect((await send(gateway, tokens[0] as string, "192.0.2.2")).status).toBe(200); // another address
    expect((await send(gateway, tokens[0] as string)).status).toBe(200); // a known token costs nothing
  });

  it("does not stand in the policy's open facts: secrets are sealed", async () => {
    const sealed = await sealedPolicy(policyOf(signers), 1, secret);
    expect(sealed.meta).not.toContain(btoa(secret).slice(0, 20));
    expect(sealed.meta).not.toContain("shared secret");
    expect(sealed.meta).toContain('"kty":"RSA"');
  });
});

describe("what a policy asks of a token beside its signature", () => {
  const nowS = () => Math.floor(Date.now() / 1000);
  it.each([
    [", typ: at+jwt", {}, { typ: "at+jwt" }, 200],
    [", typ: at+jwt", {}, { typ: "application/AT+jwt" }, 200],
    [", typ: at+jwt", {}, { typ: "JWT" }, 401],
    [", typ: at+jwt", {}, {}, 401],
    [", requireExp: false", { exp: undefined }, {}, 200],
    ["", { exp: undefined }, {}, 401],
    [", maxAge: 10m", { iat: nowS() - 590 }, {}, 200],
    [", maxAge: 10m", { iat: nowS() - 700 }, {}, 401],
    [", maxAge: 10m", {}, {}, 401],
    [", maxAge: 10m", { iat: nowS() + 100 }, {}, 401],
    [", maxLifetime: 10m", { iat: nowS() }, {}, 200],
    [", maxLifetime: 10m", { iat: nowS(), exp: nowS() + 700 }, {}, 401],
    [", maxLifetime: 10m", { iat: nowS() + 3600, exp: nowS() + 3700 }, {}, 401],
  ])("%s: %o %o is answered with %i", async (more, claims, header, status) => {
    const signer = named("ES256");
    const gateway = await start(more, [signer]);
    expect((await send(gateway, await tokenOf(signer, claims, header))).status).toBe(status);
  });
});

it("a verdict that is none is never reported", () => {
  expect(abi.VERDICT_VERIFY).toBeGreaterThanOrEqual(abi.VERDICT_COUNT);
});

import { exportJWK, generateKeyPair } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { type CborMap, cbor, deviceKey, mac0Bytes, signCwt } from "../../cli/simulate/cwt.ts";
import { Gateway, secret } from "./gateway-fixture.ts";

const yaml = `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: binding:FLEET
    owner: devices-team
    auth: [sensors, fleet]
    operations:
      - GET /fleet/x
      - { method: GET, path: /fleet/write, scopes: [telemetry:write] }
authenticators:
  - { name: sensors, type: cwt, header: X-Device-Token, issuer: "coap://as", audience: fleet, keys: [{ kid: s1, secret: env:SENSORS }] }
  - { name: fleet, type: cwt, issuer: "coap://fleet", audience: fleet, derive: { secret: env:MASTER, scopes: ["telemetry:write"] } }
`;

const key = Uint8Array.from(new TextEncoder().encode(secret));

let gateway: Gateway;
beforeAll(async () => {
  gateway = await Gateway.start(yaml);
});

function claims(issuer: string, subject: string, lifeSeconds = 60): CborMap {
  return new Map<number | string, unknown>([
    [1, issuer],
    [2, subject],
    [3, "fleet"],
    [4, Math.floor(Date.now() / 1000) + lifeSeconds],
    [9, "devices:read"],
  ]);
}

/** A COSE_Sign1 (RFC 9052 §4.4) in base64url. */
async function sign1Token(key: CryptoKey, algorithm: "ES256" | "EdDSA", kid: string, body: CborMap): Promise<string> {
  const header = new Map<number, unknown>([
    [1, algorithm === "ES256" ? -7 : -8],
    [4, new TextEncoder().encode(kid)],
  ]);
  const message = { protectedHeader: cbor(header), unprotectedHeader: cbor(new Map()), payload: cbor(body) };
  const input = Uint8Array.from(cbor(["Signature1", message.protectedHeader, new Uint8Array(0), message.payload]));
  const name = algorithm === "ES256" ? { name: "ECDSA", hash: "SHA-256" } : { name: "Ed25519" };
  const bytes = mac0Bytes(message, new Uint8Array(await crypto.subtle.sign(name, key, input)));
  bytes[0] = 0xd2;
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

const code = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

describe("a device with a signed CBOR Web Token", () => {
  it.each(["ES256", "EdDSA"] as const)("of %s is verified once by WebCrypto, and from then on known", async (algorithm) => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const { kty, crv, x, y } = await exportJWK(publicKey);
    const jwk = JSON.stringify({ kty, crv, x, y });
    const signed = await Gateway.start(`
picket: 1
services:
  - { name: fleet, match: { path: / }, upstream: binding:FLEET, owner: a, auth: [signed], operations: [GET /x] }
authenticators:
  - { name: signed, type: cwt, issuer: "coap://as", audience: fleet, algorithms: [${algorithm}], keys: [{ kid: k1, jwk: ${jwk} }] }
`);
    const token = await sign1Token(privateKey, algorithm, "k1", claims("coap://as", "sensor-7"));
    const send = (text: string) => signed.send("/x", { headers: { Authorization: `Bearer ${text}` } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await send(token)).status);
    expect(statuses).toEqual([200, 200, 200]);
    expect(signed.seen.map(({ headers }) => headers.get("picket-principal"))).toEqual(["sensor-7", "sensor-7", "sensor-7"]);
    expect(signed.isolate.verifier.verifications).toBe(1);
    const forged = await sign1Token(privateKey, algorithm, "k2", claims("coap://as", "sensor-7"));
    expect(await code(await send(forged))).toEqual([401, "token_invalid"]);
  });
});

describe("a device with a CBOR Web Token", () => {
  it("is let in by the header that the policy names, which goes no further", async () => {
    const token = await signCwt(key, "s1", claims("coap://as", "sensor-7"));
    const response = await gateway.send("/fleet/x", { headers: { "X-Device-Token": token } });
    expect(response.status).toBe(200);
    const seen = gateway.seen.at(-1);
    expect(seen?.headers.get("picket-principal")).toBe("sensor-7");
    expect(seen?.headers.get("picket-scopes")).toBe("devices:read");
    expect(seen?.headers.get("x-device-token")).toBeNull();
  });

  it("is let in by Authorization with its derived key, as itself, with the policy's scopes", async () => {
    const own = await deviceKey(key, "dev-1");
    const send = async (subject: string, path = "/fleet/write") => {
      const token = await signCwt(own, "dev-1", claims("coap://fleet", subject));
      return gateway.send(path, { headers: { Authorization: `Bearer ${token}` } });
    };
    expect((await send("dev-1")).status).toBe(200);
    expect(gateway.seen.at(-1)?.headers.get("picket-principal")).toBe("dev-1");
    expect(gateway.seen.at(-1)?.headers.get("picket-scopes")).toBe("telemetry:write");
    expect(gateway.seen.at(-1)?.headers.get("authorization")).toBeNull();
    const count = gateway.seen.length;
    const refused = await send("dev-2");
    expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="picket", error="invalid_token"');
    expect(await code(refused)).toEqual([401, "token_invalid"]);
    expect(gateway.seen.length).toBe(count);
  });

  it("is told when its token has expired, and its event says why it was refused", async () => {
    const old = await signCwt(key, "s1", claims("coap://as", "sensor-7", -60));
    expect(await code(await gateway.send("/fleet/x", { headers: { "X-Device-Token": old } }))).toEqual([401, "token_expired"]);
    await gateway.reported();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await gateway.send("/fleet/x");
    const reasons = (await gateway.reported()).flatMap(({ rollups }) => rollups.map(({ reason }) => reason));
    expect(reasons).toEqual(expect.arrayContaining(["subject_mismatch", "token_expired"]));
  });
});

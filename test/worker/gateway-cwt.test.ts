import { beforeAll, describe, expect, it } from "vitest";
import { type CborMap, deviceKey, signCwt } from "../../cli/simulate/cwt.ts";
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

const code = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

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

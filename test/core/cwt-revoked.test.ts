import { beforeAll, describe, expect, test } from "vitest";
import { deviceKey, signCwt } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import { type OverlayRevocation, overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";
import { AUD, CTI, EXP, IAT, ISS, SUB } from "./cwt-fixture.ts";

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: binding:A, auth: [tokens, sensors, fleet], operations: [GET /x] }
authenticators:
  - { name: tokens, type: jwt, issuer: https://id.test, audience: a, keys: [{ secret: env:ONE }] }
  - { name: sensors, type: cwt, issuer: "coap://as", audience: a, keys: [{ kid: s1, secret: env:ONE }] }
  - { name: fleet, type: cwt, issuer: "coap://fleet", audience: a, derive: { secret: env:ONE } }
`;
const key = Uint8Array.from(Buffer.from(secretNamed("env:ONE")));
const nowS = nowMs / 1000;

let image: Uint8Array;
beforeAll(async () => {
  image = (await compileText(policy)).image;
});

function gatewayWith(revocation: Partial<OverlayRevocation>): TestGateway {
  const gateway = new TestGateway(newCore(), image);
  const always = Number.POSITIVE_INFINITY;
  const one = {
    kind: "token",
    authenticator: "sensors",
    subject: "",
    beforeMs: always,
    expiresMs: always,
    ...revocation,
  } as const;
  const bytes = overlayBytes([one], []);
  new Uint8Array(gateway.core.memory.buffer, abi.IMAGE_SLOT_1, abi.IMAGE_SIZE).set(bytes);
  expect(gateway.core.overlay_load(1, bytes.length)).toBe(abi.LOAD_OK);
  return gateway;
}

const reasonOf = (gateway: TestGateway, token: string) => gateway.decide({ path: "/x", credentials: [`Bearer ${token}`] }).reason;

const cwt = (more: [number, unknown][]) =>
  signCwt(key, "s1", new Map<number, unknown>([[ISS, "coap://as"], [SUB, "sensor-1"], [AUD, "a"], [EXP, nowS + 60], ...more]));

const jwt = (jti: string) =>
  signToken({ iss: "https://id.test", aud: "a", sub: "user-1", jti, iat: nowS, exp: nowS + 60 }, secretNamed("env:ONE"));

describe("a CBOR Web Token", () => {
  test("is revoked by its own id, not by that of the JWT before it", async () => {
    const gateway = gatewayWith({ subject: "lost" });
    const lost = await cwt([[CTI, Buffer.from("lost")]]);
    const kept = await cwt([[CTI, Buffer.from("kept")]]);
    const nameless = await cwt([]);
    for (const [token, reason] of [
      [lost, abi.REASON_REVOKED],
      [kept, abi.REASON_NONE],
      [jwt("lost"), abi.REASON_NONE], // of another authenticator
      [nameless, abi.REASON_NONE],
      [kept, abi.REASON_NONE],
      [lost, abi.REASON_REVOKED],
    ] as const) {
      expect(reasonOf(gateway, token)).toBe(reason);
    }
  });

  test("is revoked with what its issuer issued before", async () => {
    const gateway = gatewayWith({ kind: "issuer", beforeMs: nowMs - 10_000 });
    expect(reasonOf(gateway, await cwt([[IAT, nowS - 11]]))).toBe(abi.REASON_REVOKED);
    expect(reasonOf(gateway, await cwt([[IAT, nowS - 10]]))).toBe(abi.REASON_NONE);
    expect(reasonOf(gateway, jwt("any"))).toBe(abi.REASON_NONE);
    expect(reasonOf(gateway, await cwt([]))).toBe(abi.REASON_REVOKED); // it does not say when
  });

  test("does not date itself past a revocation where the device makes it", async () => {
    const gateway = gatewayWith({ kind: "principal", authenticator: "fleet", subject: "dev-1", beforeMs: nowMs - 10_000 });
    const made = async (id: string) =>
      signCwt(
        Uint8Array.from(await deviceKey(key, id)),
        id,
        new Map<number, unknown>([
          [ISS, "coap://fleet"],
          [AUD, "a"],
          [EXP, nowS + 60],
          [IAT, nowS],
        ]),
      );
    expect(reasonOf(gateway, await made("dev-1"))).toBe(abi.REASON_REVOKED);
    expect(reasonOf(gateway, await made("dev-2"))).toBe(abi.REASON_NONE);
  });
});

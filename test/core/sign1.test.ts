import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type CborMap, cbor, mac0Bytes } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import { readVerification, type Verification } from "../../worker/engine/verification-record.ts";
import { Verifier } from "../../worker/gateway/verifier.ts";
import type { CompiledPolicy } from "../../worker/policy/compiled.ts";
import { compileText, loadImage, newCore, nowMs, sealImage, secretNamed, signToken, TestGateway } from "./core-fixture.ts";
import {
  AUD,
  base64url,
  type CwtCore,
  cwtBytes,
  ED25519,
  EDDSA,
  ES256,
  ESP256,
  EXP,
  fromHex,
  type Headers,
  header,
  ISS,
  mac0,
  SCOPE,
  SUB,
  sign1Bytes,
  sigStructure,
  tagOf,
} from "./cwt-fixture.ts";
import { newSigningKey } from "./signing-keys.ts";

const ec = newSigningKey("ES256", "e1");
const ed = newSigningKey("EdDSA", "d1");
const other = newSigningKey("ES256", "e1");
// The key of RFC 8392 appendix A.2.3, and A.3, the signed CWT, as published.
const rfcKey = {
  kty: "EC",
  crv: "P-256",
  x: "FDMpzOeGjkFpJ1mc9lo0884v_aVafspp7YkZo5TULw8",
  y: "YPfxp4DYp4O_t6LdayeW6BKNu87509Fo25Uplxo257k",
};
const A3 =
  "d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f85951ecee743a52b9b63632c57209120e1c9e30";
// The COSE working group's key 11.
const groupKey = {
  kty: "EC",
  crv: "P-256",
  x: "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8",
  y: "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4",
};

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: binding:A, auth: [tokens, first, rfc, group, sensors, headed, macs], operations: [GET /x] }
authenticators:
  - { name: tokens, type: jwt, issuer: jwts, audience: fleet, keys: [{ secret: "env:TOKENS" }] }
  - { name: first, type: cwt, header: X-Device, issuer: "coap://first", audience: fleet, keys: [{ secret: "env:SENSORS" }] }
  - { name: rfc, type: cwt, issuer: "coap://as.example.com", audience: "coap://light.example.com", algorithms: [ES256], clockTolerance: 0s, keys: [{ kid: AsymmetricECDSA256, jwk: ${JSON.stringify(rfcKey)} }] }
  - { name: group, type: cwt, issuer: group, audience: x, algorithms: [ES256], keys: [{ kid: "11", jwk: ${JSON.stringify(groupKey)} }] }
  - name: sensors
    type: cwt
    issuer: "coap://as"
    audience: fleet
    algorithms: [ES256, EdDSA, HMAC 256/256]
    keys: [{ kid: s1, secret: "env:SENSORS" }, { kid: e1, jwk: ${JSON.stringify(ec.jwk)} }, { kid: d1, jwk: ${JSON.stringify(ed.jwk)} }]
  - { name: headed, type: cwt, header: X-Device, issuer: "coap://headed", audience: fleet, algorithms: [ES256], keys: [{ kid: e1, jwk: ${JSON.stringify(ec.jwk)} }] }
  - { name: macs, type: cwt, issuer: "coap://macs", audience: fleet, keys: [{ kid: s1, secret: "env:SENSORS" }] }
`;
const RFC = 2;
const GROUP = 3;
const MACS = 6;
const secret = Buffer.from(secretNamed("env:SENSORS"));
const noIo = { fetch: () => Promise.reject(new Error("no network")), now: () => 0, wait: async () => {}, log: () => {} };

/** The core and the host's verifier, put together as the gateway does it. */
class Judge {
  readonly gateway: TestGateway;
  readonly verifier = new Verifier(noIo);
  readonly #compiled: CompiledPolicy;
  asked: Verification | null = null;

  constructor(compiled: CompiledPolicy) {
    this.#compiled = compiled;
    this.gateway = new TestGateway(newCore(), compiled.image);
  }

  /** Reason for a token that asks for /x. */
  async judge(token: Uint8Array | string, at = nowMs, slot = 0): Promise<number> {
    const text = typeof token === "string" ? token : base64url(token);
    const credentials = slot === 0 ? [`Bearer ${text}`] : [null, text];
    const request = { path: "/x", credentials, nowMs: at };
    const first = this.gateway.decide(request);
    if (first.verdict !== abi.VERDICT_VERIFY) return first.reason;
    this.asked = readVerification(this.gateway.core.memory);
    const found = await this.verifier.verify(this.asked, this.#compiled);
    this.gateway.write(request);
    this.gateway.core.token_remember(this.asked.slot, this.asked.authenticator, found, at);
    const { verdict, reason } = this.gateway.decide(request);
    expect(verdict).not.toBe(abi.VERDICT_VERIFY);
    return reason;
  }

  /** Reason for a message whose payload may be anything. */
  async message(hex: string, authenticator: number): Promise<number> {
    this.gateway.write({ credentials: [`Bearer ${base64url(fromHex(hex))}`] });
    const reason = (this.gateway.core as CwtCore).cose_verify(0, authenticator);
    if (reason !== abi.VERIFICATION_NEEDED) return reason;
    return this.verifier.verify(readVerification(this.gateway.core.memory), this.#compiled);
  }
}

const nowS = nowMs / 1000;
const claims = (changes: [number, unknown][] = []): CborMap =>
  new Map<number, unknown>([[ISS, "coap://as"], [SUB, "sensor-1"], [AUD, "fleet"], [EXP, nowS + 60], ...changes]);

function signed(body: CborMap, headers: Headers, key = ec): Uint8Array {
  const message = mac0(body, headers);
  return sign1Bytes(message, key.sign(sigStructure(message)));
}

const es = (changes: [number, unknown][] = [], headers: Headers = { protectedHeader: header("e1", ES256) }) =>
  signed(claims(changes), headers);

let compiled: CompiledPolicy;
let judge: Judge;
beforeAll(async () => {
  compiled = await compileText(policy);
  judge = new Judge(compiled);
});

describe("RFC 8392 appendix A.3, the signed CWT", () => {
  const validMs = 1_443_944_944_500;

  it("names its subject while it is valid, tagged 61 and 18, with 18, and untagged", async () => {
    for (const hex of [A3, `d83d${A3}`, A3.slice(2)]) {
      expect(await judge.judge(fromHex(hex), validMs)).toBe(abi.REASON_NONE);
      expect(judge.gateway.verdict.principal).toBe("erikw");
    }
    expect(judge.verifier.verifications).toBe(3);
    expect(await judge.judge(fromHex(A3), validMs)).toBe(abi.REASON_NONE);
    expect(judge.verifier.verifications).toBe(3); // known by now
    expect(await judge.judge(fromHex(A3), 1_444_064_944_000)).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(await judge.judge(fromHex(A3), 1_443_944_943_999)).toBe(abi.REASON_TOKEN_NOT_YET_VALID);
  });

  it("is refused with any of its bits flipped, but in the unprotected header, which no signature covers", async () => {
    const bytes = fromHex(A3);
    const accepted: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if ((await judge.message(Buffer.from(flipped).toString("hex"), RFC)) === abi.REASON_NONE) accepted.push(bit >> 3);
    }
    // The kid's label: as another parameter it means nothing, and a token without kid means the only key.
    expect([...new Set(accepted)]).toEqual([7]);
  });
});

describe("the COSE working group's examples", () => {
  const folder = join(process.env.PICKET_CORPORA ?? "../shared/corpora", "cose");
  it.skipIf(!existsSync(folder)).each([
    ["cwt/A_3", RFC, abi.REASON_NONE, ""],
    ["sign1/sign-pass-01", GROUP, abi.REASON_ALGORITHM_REFUSED, "alg is not protected: it could be swapped for another"],
    ["sign1/sign-pass-02", GROUP, abi.REASON_SIGNATURE_INVALID, "there is external data, of which a bearer token has none"],
    ["sign1/sign-pass-03", GROUP, abi.REASON_NONE, "without the tag 18"],
    ["sign1/sign-pass-03", RFC, abi.REASON_KEY_UNKNOWN, "another authenticator's key"],
  ] as const)("%s under authenticator %i: %i %s", async (name, authenticator, reason, _) => {
    const { output, intermediates } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as {
      output: { cbor: string };
      intermediates: { ToBeSign_hex: string };
    };
    expect(await judge.message(output.cbor, authenticator)).toBe(reason);
    if (reason !== abi.REASON_NONE) return;
    const { input } = readVerification(judge.gateway.core.memory);
    expect(Buffer.from(input).toString("hex")).toBe(intermediates.ToBeSign_hex.toLowerCase());
  });
});

describe("a signed CWT", () => {
  it.each([
    ["ES256", ES256, ec],
    ["ESP256 (RFC 9864)", ESP256, ec],
    ["EdDSA", EDDSA, ed],
    ["Ed25519 (RFC 9864)", ED25519, ed],
  ] as const)("of %s names its subject and scopes, and is verified once", async (_, alg, key) => {
    const token = signed(claims([[SCOPE, `a ${alg}`]]), { protectedHeader: header(key.kid, alg) }, key);
    const before = judge.verifier.verifications;
    for (let i = 0; i < 3; i++) expect(await judge.judge(token, nowMs + i)).toBe(abi.REASON_NONE);
    expect([judge.gateway.verdict.principal, judge.gateway.verdict.scopes]).toEqual(["sensor-1", `a ${alg}`]);
    expect(judge.verifier.verifications).toBe(before + 1);
    const forged = token.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    for (let i = 0; i < 3; i++) expect(await judge.judge(forged, nowMs + i)).toBe(abi.REASON_SIGNATURE_INVALID);
    expect(judge.verifier.verifications).toBe(before + 2);
  });

  it("hands over the Sig_structure that cborg writes, whatever stands in its headers", async () => {
    for (const length of [0, 1, 5, 6, 11, 12, 13, 23, 24, 200, 3000]) {
      const unprotectedHeader: CborMap = new Map<number, unknown>([
        [4, Buffer.from("e1")],
        [-70000, Buffer.alloc(length)],
      ]);
      for (const headers of [
        { protectedHeader: header(undefined, ES256), unprotectedHeader },
        { protectedHeader: header(undefined, ES256).set(-70000, Buffer.alloc(length)), unprotectedHeader },
        { protectedHeader: header("e1", ES256).set(-70000, Buffer.alloc(length)) },
      ]) {
        const message = mac0(claims([[SCOPE, String(length)]]), headers);
        for (const front of [[0xd2], []]) {
          const token = Uint8Array.of(...front, ...sign1Bytes(message, ec.sign(sigStructure(message))).subarray(1));
          expect(await judge.judge(token)).toBe(abi.REASON_NONE);
          expect(judge.asked?.kid).toBe("e1");
          expect(Buffer.from(judge.asked?.input ?? [])).toEqual(Buffer.from(sigStructure(message)));
        }
      }
    }
  });

  it("is taken from the header that its authenticator reads, while another slot holds another token", async () => {
    const token = signed(claims([[ISS, "coap://headed"]]), { protectedHeader: header("e1", ES256) });
    expect(await judge.judge(token, nowMs, 1)).toBe(abi.REASON_NONE);
    const jwt = signToken({ iss: "nobody", aud: "fleet", sub: "u", exp: nowS + 60 }, "x".repeat(32));
    const credentials = [`Bearer ${jwt}`, base64url(token)];
    expect(judge.gateway.decide({ path: "/x", credentials }).reason).toBe(abi.REASON_NONE); // known from above
    const forged = token.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    credentials[1] = base64url(forged);
    expect(judge.gateway.decide({ path: "/x", credentials }).verdict).toBe(abi.VERDICT_VERIFY);
  });

  it("is judged by its claims with every request, before any verification", async () => {
    const token = es([[SUB, "sensor-9"]]);
    expect(await judge.judge(token)).toBe(abi.REASON_NONE);
    expect(await judge.judge(token, nowMs + 91_000)).toBe(abi.REASON_TOKEN_EXPIRED);
    const before = judge.verifier.verifications;
    expect(await judge.judge(es([[EXP, nowS - 60]]))).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(await judge.judge(es([[AUD, "x"]]))).toBe(abi.REASON_AUDIENCE_MISMATCH);
    expect(await judge.judge(es([[SUB, 7]]))).toBe(abi.REASON_CLAIMS_MALFORMED);
    expect(await judge.judge(es([[ISS, "coap://else"]]))).toBe(abi.REASON_ISSUER_UNKNOWN);
    expect(judge.verifier.verifications).toBe(before);
  });
});

describe("attacks on signed CWTs", () => {
  const refused = abi.REASON_ALGORITHM_REFUSED;
  const publicBytes = (jwk: { x?: string; y?: string }) => Buffer.from(`${jwk.x}${jwk.y ?? ""}`, "base64url");

  it("a COSE_Mac0 keyed with the public key", async () => {
    for (const key of [publicBytes(ec.jwk), Buffer.from(JSON.stringify(ec.jwk)), publicBytes(ed.jwk)]) {
      for (const kid of ["e1", "d1", undefined]) {
        const token = cwtBytes(claims(), key, { protectedHeader: header(kid) });
        const reason = kid === undefined ? abi.REASON_SIGNATURE_INVALID : abi.REASON_KEY_UNKNOWN;
        expect(await judge.judge(token)).toBe(reason);
      }
    }
    const rfc = cwtBytes(claims([[ISS, "coap://as.example.com"]]), publicBytes(rfcKey));
    expect(await judge.judge(rfc)).toBe(refused);
  });

  it("a signature where the policy wants a MAC", async () => {
    expect(await judge.judge(es([[ISS, "coap://macs"]]))).toBe(refused);
  });

  it("a tag that is the other structure's", async () => {
    const mac = cwtBytes(claims(), secret, { protectedHeader: header("s1") });
    expect(await judge.judge(mac)).toBe(abi.REASON_NONE);
    for (const front of [[0xd2], [0xd8, 0x3d, 0xd2]]) {
      expect(await judge.judge(Uint8Array.of(...front, ...mac.subarray(1)))).toBe(refused);
    }
    for (const front of [[0xd1], [0xd8, 0x3d, 0xd1]]) {
      expect(await judge.judge(Uint8Array.of(...front, ...es().subarray(1)))).toBe(refused);
    }
  });

  it("a signature over the other structure, over no structure, and of COSE_Sign", async () => {
    const message = mac0(claims(), { protectedHeader: header("e1", ES256) });
    for (const context of ["MAC0", "Signature", "CounterSignature", "Signature1 "]) {
      const input = cbor([context, message.protectedHeader, new Uint8Array(0), message.payload]);
      expect(await judge.judge(sign1Bytes(message, ec.sign(input)))).toBe(abi.REASON_SIGNATURE_INVALID);
    }
    expect(await judge.judge(sign1Bytes(message, ec.sign(message.payload)))).toBe(abi.REASON_SIGNATURE_INVALID);
    const mac = mac0(claims(), { protectedHeader: header("s1") });
    expect(await judge.judge(mac0Bytes(mac, tagOf({ ...mac, protectedHeader: message.protectedHeader }, secret)))).toBe(
      abi.REASON_SIGNATURE_INVALID,
    );
  });

  it("an algorithm that is not protected, is swapped, or demands more", async () => {
    expect(await judge.judge(es([], { protectedHeader: new Uint8Array(0), unprotectedHeader: header("e1", ES256) }))).toBe(
      refused,
    );
    const twice = { protectedHeader: header("e1", ES256), unprotectedHeader: new Map([[1, ES256]]) };
    expect(await judge.judge(es([], twice))).toBe(abi.REASON_TOKEN_MALFORMED);
    const crit = header("e1", ES256).set(2, [-70000]).set(-70000, 1);
    expect(await judge.judge(es([], { protectedHeader: crit }))).toBe(abi.REASON_TOKEN_MALFORMED);
    for (const alg of [-35, -36, -37, -47, -257, -65535, 0, "ES256"]) {
      expect(await judge.judge(es([], { protectedHeader: header("e1", alg as number) }))).toBe(refused);
    }
    // ES256's key under EdDSA's name, and the other way round: no such key.
    expect(await judge.judge(es([], { protectedHeader: header("e1", EDDSA) }))).toBe(abi.REASON_KEY_UNKNOWN);
    expect(await judge.judge(es([], { protectedHeader: header("d1", ES256) }))).toBe(abi.REASON_KEY_UNKNOWN);
  });

  it("another's key, an unknown kid, and a key that the token brings along", async () => {
    expect(await judge.judge(signed(claims(), { protectedHeader: header("e1", ES256) }, other))).toBe(
      abi.REASON_SIGNATURE_INVALID,
    );
    const brought: CborMap = new Map<number, unknown>([
      [-1, 1],
      [1, 2],
    ]);
    const headers = { protectedHeader: header("e9", ES256), unprotectedHeader: new Map([[33, brought]]) };
    expect(await judge.judge(signed(claims(), headers, other))).toBe(abi.REASON_KEY_UNKNOWN);
  });

  it("signatures of other lengths and spellings", async () => {
    const message = mac0(claims(), { protectedHeader: header("e1", ES256) });
    const good = ec.sign(sigStructure(message));
    const psychic = new Uint8Array(64); // r = s = 0 (CVE-2022-21449)
    const der = Uint8Array.of(0x30, 0x44, 0x02, 0x20, ...good.subarray(0, 32), 0x02, 0x20, ...good.subarray(32));
    const before = judge.verifier.verifications;
    for (const bad of [good.subarray(0, 63), new Uint8Array(0), Uint8Array.of(...good, 0), der]) {
      expect(await judge.judge(sign1Bytes(message, bad))).toBe(abi.REASON_SIGNATURE_INVALID);
    }
    expect(judge.verifier.verifications).toBe(before); // not worth one
    expect(await judge.judge(sign1Bytes(message, psychic))).toBe(abi.REASON_SIGNATURE_INVALID);
    expect(await judge.judge(sign1Bytes(message, good))).toBe(abi.REASON_NONE);
  });

  it("junk: an address is charged for what is verified, and refused beyond its limit", async () => {
    const alone = new Judge(compiled);
    const reasons: number[] = [];
    for (let i = 0; i < 102; i++) {
      reasons.push(await alone.judge(signed(claims([[SUB, `s-${i}`]]), { protectedHeader: header("e1", ES256) }, other)));
    }
    expect(reasons.filter((reason) => reason === abi.REASON_SIGNATURE_INVALID)).toHaveLength(100);
    expect(reasons.slice(100)).toEqual([abi.REASON_VERIFICATION_LIMITED, abi.REASON_VERIFICATION_LIMITED]);
    expect(alone.verifier.verifications).toBe(100);
  });
});

it("an image whose derived keys would come with signatures is refused: devices are named by their key's id", async () => {
  const derived = await compileText(
    policy.replace(/keys: \[\{ kid: s1, secret: "env:SENSORS" \}\] \}/, 'derive: { secret: "env:M" } }'),
  );
  const view = new DataView(derived.image.buffer);
  const first = view.getUint32(abi.HEADER_SECTIONS + abi.SECTION_AUTHENTICATORS * 8, true);
  const at = first + MACS * abi.AUTH_SIZE + abi.AUTH_ALGORITHMS;
  expect(loadImage(newCore(), derived.image)).toBe(abi.LOAD_OK);
  view.setUint32(at, view.getUint32(at, true) | (1 << abi.ALG_ES256), true);
  expect(loadImage(newCore(), sealImage(derived.image))).toBe(abi.LOAD_BAD_VALUE);
});

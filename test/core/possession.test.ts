import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { type CborMap, cbor } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import { AUD, base64url, cwtBytes, EXP } from "./cwt-fixture.ts";
import {
  athOf,
  boundToken,
  jktOf,
  nowS,
  PossessionGateway,
  proofOf,
  sha256Of,
  sharedSecret,
  signer,
} from "./possession-fixture.ts";
import { newSigningKey } from "./signing-keys.ts";

const jkt = jktOf(signer.jwk);
const certificate = createHash("sha256").update("a certificate").digest("hex");
const x5t = Buffer.from(certificate, "hex").toString("base64url");
const other = "ab".repeat(32);

let gateway: PossessionGateway;
beforeEach(async () => {
  gateway = await PossessionGateway.start();
});

type Scheme = "Bearer" | "DPoP" | "dpop";
const send = (issuer: string, scheme: Scheme, cnf: unknown, withProof: boolean, shown: string | null = null) => {
  const token = boundToken(issuer, cnf);
  const proof = withProof ? proofOf(`/${issuer}`, token) : null;
  return gateway.reason({ path: `/${issuer}`, credentials: [`${scheme} ${token}`], proof, certificate: shown });
};

const none = abi.REASON_NONE;
const missing = abi.REASON_PROOF_MISSING;
const mismatch = abi.REASON_CERTIFICATE_MISMATCH;
const malformed = abi.REASON_CLAIMS_MALFORMED;

describe("a token that is bound to a key", () => {
  const cases: [issuer: string, scheme: Scheme, cnf: unknown, withProof: boolean, reason: number][] = [
    ["plain", "Bearer", undefined, false, none],
    ["plain", "Bearer", undefined, true, none], // nobody asked for it
    ["plain", "DPoP", undefined, false, abi.REASON_CREDENTIAL_MISSING],
    ["plain", "Bearer", { jkt }, false, missing],
    ["plain", "Bearer", { jkt }, true, missing],
    ["plain", "DPoP", { jkt }, true, abi.REASON_CREDENTIAL_MISSING],
    ["allowed", "Bearer", undefined, false, none],
    ["allowed", "Bearer", { jkt }, false, missing],
    ["allowed", "Bearer", { jkt }, true, missing], // RFC 9449 §7.2: not even with its proof
    ["allowed", "DPoP", { jkt }, true, none],
    ["allowed", "dpop", { jkt }, true, none],
    ["allowed", "DPoP", { jkt }, false, missing],
    ["allowed", "DPoP", undefined, true, missing],
    ["required", "Bearer", undefined, false, missing],
    ["required", "DPoP", undefined, true, missing],
    ["required", "Bearer", { jkt }, true, missing],
    ["required", "DPoP", { jkt }, true, none],
  ];
  it.each(cases)("%s: %s, cnf %o, proof %s: %i", (issuer, scheme, cnf, withProof, reason) => {
    expect(send(issuer, scheme, cnf, withProof)).toBe(reason);
  });
});

describe("a token that is bound to a certificate (RFC 8705 §3)", () => {
  const bound = { "x5t#S256": x5t };
  const cases: [issuer: string, cnf: unknown, shown: string | null, reason: number][] = [
    ["plain", bound, certificate, none],
    ["plain", bound, certificate.toUpperCase(), none],
    ["plain", bound, null, mismatch],
    ["plain", bound, other, mismatch],
    ["plain", bound, "not hex", mismatch],
    ["plain", undefined, other, none],
    ["cert", bound, certificate, none],
    ["cert", bound, other, mismatch],
    ["cert", bound, null, mismatch],
    ["cert", undefined, certificate, mismatch],
    ["allowed", { ...bound, jkt }, certificate, missing],
  ];
  it.each(cases)("%s: cnf %o, %s: %i", (issuer, cnf, shown, reason) => {
    expect(send(issuer, "Bearer", cnf, false, shown)).toBe(reason);
  });

  it("may be bound to a key as well, and is then held to both", () => {
    const both = { ...bound, jkt };
    expect(send("allowed", "DPoP", both, true, certificate)).toBe(none);
    expect(send("allowed", "DPoP", both, true, other)).toBe(mismatch);
    expect(send("allowed", "DPoP", both, false, certificate)).toBe(missing);
  });

  it("is not helped by the certificate of the request before", () => {
    expect(send("cert", "Bearer", bound, false, certificate)).toBe(none);
    expect(send("cert", "Bearer", bound, false, null)).toBe(mismatch);
  });
});

describe("a cnf", () => {
  it.each<[unknown, number]>([
    [{}, missing],
    [{ kid: "k" }, missing],
    [{ jwk: signer.jwk }, missing],
    [{ jku: "https://a.example", kid: "k" }, missing],
    [{ "x5t#S256": x5t, kid: "k" }, none], // RFC 7800 §3.1: what stands beside is ignored
    ["jkt", malformed],
    [[jkt], malformed],
    [null, malformed],
    [1, malformed],
    ["{", malformed],
    [{ jkt: 1 }, malformed],
    [{ jkt: "" }, malformed],
    [{ jkt: jkt.slice(1) }, malformed],
    [{ jkt: `${jkt}=` }, malformed],
    [{ jkt: `${jkt}AAAA` }, malformed],
    [{ "x5t#S256": certificate }, malformed],
  ])("%o: %i", (cnf, reason) => {
    expect(send("plain", "Bearer", cnf, false, certificate)).toBe(reason);
  });

  it("does not outlive its token", () => {
    expect(send("plain", "Bearer", { jkt }, false)).toBe(missing);
    expect(send("plain", "Bearer", undefined, false)).toBe(none);
  });
});

it("an API key beside a bound token is an API key: nothing is proven with it, and nothing asked", () => {
  expect(gateway.reason({ path: "/required", credentials: [null] })).toBe(abi.REASON_CREDENTIAL_MISSING);
});

describe("a CBOR Web Token (RFC 8747)", () => {
  const keys = {
    ES256: newSigningKey("ES256", "a"),
    ES512: newSigningKey("ES512", "b"),
    EdDSA: newSigningKey("EdDSA", "c"),
    RS256: newSigningKey("RS256", "d"),
  };
  const bytes = (text: string | undefined) => Uint8Array.from(Buffer.from(text ?? "", "base64url"));
  const coseKey = ({ kty, crv, x, y, n, e }: (typeof signer)["jwk"]): CborMap => {
    if (kty === "EC")
      return new Map<number, unknown>([
        [1, 2],
        [-1, { "P-256": 1, "P-384": 2, "P-521": 3 }[crv ?? ""]],
        [-2, bytes(x)],
        [-3, bytes(y)],
      ]) as CborMap;
    if (kty === "OKP")
      return new Map<number, unknown>([
        [1, 1],
        [-1, 6],
        [-2, bytes(x)],
      ]) as CborMap;
    return new Map<number, unknown>([
      [1, 3],
      [-1, bytes(n)],
      [-2, bytes(e)],
    ]) as CborMap;
  };
  const ckt = (key: CborMap) => Uint8Array.from(sha256Of(cbor(key)));
  const tokenOf = (cnf: unknown) =>
    base64url(
      cwtBytes(
        new Map<number, unknown>([
          [2, "s"],
          [AUD, "a"],
          [EXP, nowS + 60],
          ...(cnf === undefined ? [] : [[8, cnf] as [number, unknown]]),
        ]) as CborMap,
        Buffer.from(sharedSecret),
      ),
    );
  const judge = (cnf: unknown, key = keys.ES256, path = "/cwt") => {
    const token = tokenOf(cnf);
    return gateway.dpop(path, token, proofOf(path, token, {}, {}, key));
  };

  it.each(Object.keys(keys) as (keyof typeof keys)[])("is held to a %s key, whole or by its thumbprint", (name) => {
    const key = keys[name];
    const cose = coseKey(key.jwk);
    expect(judge(new Map([[1, cose]]), key)).toBe(none);
    expect(judge(new Map([[1, new Map([...cose, [2, Buffer.from("kid")], [3, -7]])]]), key)).toBe(none);
    expect(judge(new Map([[5, ckt(cose)]]), key)).toBe(none);
    const stranger = key === keys.ES256 ? keys.EdDSA : keys.ES256;
    expect(judge(new Map([[1, cose]]), stranger)).toBe(abi.REASON_PROOF_INVALID);
    expect(judge(new Map([[5, ckt(cose)]]), stranger)).toBe(abi.REASON_PROOF_INVALID);
  });

  it("has the thumbprint of RFC 9679 §6's key", () => {
    // Its x and y; the thumbprint is the one that the RFC prints.
    const x = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
    const y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";
    const key = new Map<number, unknown>([
      [1, 2],
      [-1, 1],
      [-2, Uint8Array.from(Buffer.from(x, "hex"))],
      [-3, Uint8Array.from(Buffer.from(y, "hex"))],
    ]) as CborMap;
    expect(Buffer.from(ckt(key)).toString("hex")).toBe("496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec");
  });

  it.each<[string, unknown, number]>([
    ["nothing that is known", new Map([[3, Buffer.from("kid")]]), missing],
    ["an encrypted key", new Map([[2, Buffer.from("x")]]), missing],
    ["nothing", new Map(), missing],
    ["no map", "x", malformed],
    [
      "a key and a thumbprint",
      new Map<number, unknown>([
        [1, coseKey(signer.jwk)],
        [5, new Uint8Array(32)],
      ]),
      malformed,
    ],
    ["a thumbprint of another length", new Map([[5, new Uint8Array(31)]]), malformed],
    ["a thumbprint that is a text", new Map([[5, "x".repeat(32)]]), malformed],
    ["a key that is no map", new Map([[1, "x"]]), malformed],
    ["a key without type", new Map([[1, new Map([[-1, 1]])]]), malformed],
    [
      "a symmetric key",
      new Map([
        [
          1,
          new Map<number, unknown>([
            [1, 4],
            [-1, new Uint8Array(32)],
          ]),
        ],
      ]),
      malformed,
    ],
    [
      "a compressed point",
      new Map([[1, new Map<number | string, unknown>([...coseKey(keys.ES256.jwk), [-3, true]])]]),
      abi.REASON_PROOF_INVALID,
    ],
    [
      "a private key",
      new Map([[1, new Map<number | string, unknown>([...coseKey(keys.RS256.jwk), [-3, new Uint8Array(8)]])]]),
      abi.REASON_PROOF_INVALID,
    ],
  ])("with %s in its cnf is refused", (_, cnf, reason) => {
    expect(judge(cnf)).toBe(reason);
  });

  it("is refused where the policy takes no proofs", () => {
    const token = tokenOf(new Map([[5, new Uint8Array(32)]]));
    expect(gateway.reason({ path: "/cwt-plain", credentials: [`Bearer ${token}`] })).toBe(missing);
    expect(gateway.reason({ path: "/cwt-plain", credentials: [`Bearer ${tokenOf(undefined)}`] })).toBe(none);
  });

  it("may stand bare in a header of its own, beside its proof", () => {
    const token = tokenOf(new Map([[1, coseKey(keys.ES256.jwk)]]));
    const inHeader = (value: string, proof: string | null) =>
      gateway.reason({ path: "/cwt-header", credentials: [null, value], proof });
    const proof = () => proofOf("/cwt-header", token, { ath: athOf(token) }, {}, keys.ES256);
    expect(inHeader(token, proof())).toBe(none);
    expect(inHeader(`DPoP ${token}`, proof())).toBe(none);
    expect(inHeader(`Bearer ${token}`, proof())).toBe(missing);
    expect(inHeader(token, null)).toBe(missing);
  });
});

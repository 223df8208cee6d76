import { createHash, createPublicKey, type JsonWebKey, verify as verifyBytes } from "node:crypto";
import * as abi from "../../wasm/abi.ts";
import { readVerification, type Verification } from "../../worker/engine/verification-record.ts";
import { type Algorithm, algorithms } from "../../worker/policy/algorithms.ts";
import {
  compileText,
  newCore,
  nowMs,
  secretNamed,
  signToken,
  type TestCore,
  TestGateway,
  type TestRequest,
} from "./core-fixture.ts";
import { compactJws, newSigningKey, type SigningKey } from "./signing-keys.ts";

const jwt = 'type: jwt, audience: a, algorithms: [HS256], keys: [{ secret: "env:S" }]';
const service = (name: string) =>
  `  - { name: ${name}, match: { path: /${name} }, upstream: http://127.0.0.1:1, auth: [${name}], undocumented: allow }`;

/** One service for each kind of authenticator, which has its name: /plain, /allowed, /required, /nonce, /cert, /cwt. */
export const possessionPolicy = `
picket: 1
services:
${["plain", "allowed", "required", "nonce", "cert", "cwt", "cwt-plain", "cwt-header"].map(service).join("\n")}
authenticators:
  - { name: plain, issuer: plain, ${jwt} }
  - { name: allowed, issuer: allowed, ${jwt}, dpop: allowed }
  - { name: required, issuer: required, ${jwt}, dpop: required }
  - { name: nonce, issuer: nonce, ${jwt}, dpop: required, dpopNonce: true }
  - { name: cert, issuer: cert, ${jwt}, boundTo: mtls }
  - { name: cwt, type: cwt, audience: a, keys: [{ secret: "env:S" }], dpop: allowed }
  - { name: cwt-plain, type: cwt, audience: a, keys: [{ secret: "env:S" }] }
  - { name: cwt-header, type: cwt, audience: a, header: X-Token, keys: [{ secret: "env:S" }], dpop: allowed }
`;
export const sharedSecret = secretNamed("env:S");

export const nowS = nowMs / 1000;
export const origin = "https://api.example";
export const signer = newSigningKey("ES256", "p1");

export const sha256Of = (text: string | Uint8Array) => createHash("sha256").update(text).digest();
export const athOf = (token: string) => sha256Of(token).toString("base64url");

/** RFC 7638 §3, by hand. */
export function jktOf({ crv, e, kty, n, x, y }: JsonWebKey): string {
  return sha256Of(JSON.stringify({ crv, e, kty, n, x, y })).toString("base64url");
}

export function boundToken(issuer: string, cnf?: unknown, more: Record<string, unknown> = {}): string {
  return signToken(
    { iss: issuer, aud: "a", sub: "s", exp: nowS + 3600, ...(cnf === undefined ? {} : { cnf }), ...more },
    sharedSecret,
  );
}

let drawn = 0;
export const newJti = () => `jti-${drawn++}`;

/** A proof for GET of a path of `origin` and a token; what is undefined is left out. */
export function proofOf(
  path: string,
  token: string,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key: SigningKey = signer,
): string {
  const whole = { jti: newJti(), htm: "GET", htu: origin + path, iat: nowS, ath: athOf(token), ...claims };
  return compactJws(key, JSON.stringify({ typ: "dpop+jwt", alg: key.algorithm, jwk: key.jwk, ...header }), JSON.stringify(whole));
}

export interface PossessionRequest extends TestRequest {
  proof?: string | null;
  origin?: string;
  certificate?: string | null;
}

/** A core driven as the gateway drives it, signatures of proofs included, in one step. */
export class PossessionGateway {
  readonly core: TestCore = newCore();
  readonly gateway: TestGateway;
  /** How many signatures were asked for. */
  verifications = 0;

  constructor(image: Uint8Array) {
    this.gateway = new TestGateway(this.core, image);
  }

  static async start(policy = possessionPolicy): Promise<PossessionGateway> {
    return new PossessionGateway((await compileText(policy)).image);
  }

  get nonce(): string {
    return this.gateway.verdict.nonce;
  }

  /** Each from an address of its own, unless it says otherwise: the limit on verifications is by address. */
  write(request: PossessionRequest): void {
    const n = this.verifications;
    this.gateway.write({ address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, ...request });
    const [proto = "", host = ""] = (request.origin ?? origin).split("://");
    this.gateway.request.proof(request.proof ?? null, proto, host);
    this.gateway.request.certificate(request.certificate ?? null);
  }

  /** REASON_* of the whole decision; VERIFICATION_NEEDED when the core asks twice for the same. */
  reason(request: PossessionRequest): number {
    const atMs = request.nowMs ?? nowMs;
    this.write(request);
    if (this.core.decide(atMs) !== abi.VERDICT_VERIFY) return this.gateway.verdict.reason;
    const asked = readVerification(this.core.memory);
    this.verifications++;
    this.write(request);
    this.core.proof_remember(isGood(asked) ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID);
    return this.core.decide(atMs) === abi.VERDICT_VERIFY ? abi.VERIFICATION_NEEDED : this.gateway.verdict.reason;
  }

  /** A GET with the DPoP scheme. */
  dpop(path: string, token: string, proof: string | null, more: PossessionRequest = {}): number {
    return this.reason({ path, credentials: [`DPoP ${token}`], proof, ...more });
  }
}

/** What WebCrypto does in a Worker. */
export function isGood({ kid, algorithm, input, signature }: Verification): boolean {
  const key = createPublicKey({ key: JSON.parse(kid ?? "") as JsonWebKey, format: "jwk" });
  const name = algorithms[algorithm] as Algorithm;
  const hash = name === "EdDSA" ? null : `sha${name.slice(2)}`;
  const padding = name.startsWith("PS") ? { padding: 6, saltLength: -1 } : {};
  return verifyBytes(hash, input, { key, dsaEncoding: "ieee-p1363", ...padding }, signature);
}

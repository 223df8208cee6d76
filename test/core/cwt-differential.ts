import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { decode } from "cborg";
import { seededRandom } from "../../cli/random.ts";
import { cbor, HMAC_256_64, HMAC_256_256, type Mac0, macStructure } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import { readVerification } from "../../worker/engine/verification-record.ts";
import { algorithms } from "../../worker/policy/algorithms.ts";
import { compile } from "../../worker/policy/compile.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { newCore, TestGateway } from "./core-fixture.ts";
import {
  AUD,
  base64url,
  CTI,
  type CwtCore,
  ED25519,
  EDDSA,
  ES256,
  ESP256,
  EXP,
  IAT,
  ISS,
  NBF,
  SCOPE,
  SUB,
  sigStructure,
} from "./cwt-fixture.ts";
import { judgedS, mutatedCwt, secret, signers, toleranceS } from "./cwt-mutations.ts";

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: binding:A, auth: [sensors], operations: [GET /x] }
authenticators:
  - name: sensors
    type: cwt
    issuer: coap://as
    audience: [fleet, store]
    algorithms: [HMAC 256/256, HMAC 256/64, ES256, EdDSA]
    keys:
      - { kid: s1, secret: "env:SECRET", encoding: base64url }
      - { kid: e1, jwk: ${JSON.stringify(signers.ES256.jwk)} }
      - { kid: d1, jwk: ${JSON.stringify(signers.EdDSA.jwk)} }
    clockTolerance: ${toleranceS}s
`;

export interface Disagreement {
  token: string;
  /** REASON_* of the core. */
  reason: number;
  /** Why the other refuses, "" = it accepts. */
  other: string;
}

export interface CwtDifferential {
  accepted: number;
  /** Accepted by their signature. */
  signed: number;
  refused: number;
  /** How often each REASON_* was the core's answer. */
  reasons: Map<number, number>;
  /** Disagreements that an exception explains, by exception. */
  excepted: Map<string, number>;
  unexplained: Disagreement[];
}

/** Judges `count` tokens of a seed by the core and by cborg and node:crypto. */
export async function compareWithCborg(count: number, seed: number, progress = (_done: number) => {}): Promise<CwtDifferential> {
  const draw = seededRandom(seed);
  const gateway = new TestGateway(newCore(), await policyImage());
  const core = gateway.core as CwtCore;
  const result: CwtDifferential = {
    accepted: 0,
    signed: 0,
    refused: 0,
    reasons: new Map(),
    excepted: new Map(),
    unexplained: [],
  };
  for (let i = 0; i < count; i++) {
    if (i % 50_000 === 0) progress(i);
    const token = mutatedCwt(draw);
    gateway.request.credential(0, `Bearer ${token}`);
    record(result, { token, reason: reasonOf(core), other: judge(token) });
  }
  result.signed = core.token_hits();
  return result;
}

const publicKeys = {
  ES256: createPublicKey({ key: signers.ES256.jwk, format: "jwk" }),
  EdDSA: createPublicKey({ key: signers.EdDSA.jwk, format: "jwk" }),
};

/** Is the signature good under the key of that algorithm and kid? */
function isSigned(name: "ES256" | "EdDSA", kid: string | null, input: Uint8Array, signature: Uint8Array): boolean {
  if (kid !== null && kid !== signers[name].kid) return false;
  const key = publicKeys[name];
  return name === "EdDSA"
    ? verify(null, input, key, signature)
    : verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** The core's answer; node:crypto verifies for it what it hands over, and it is asked again. */
function reasonOf(core: CwtCore): number {
  const ms = judgedS * 1000;
  const reason = core.cwt_verify(0, 0, ms);
  if (reason !== abi.VERIFICATION_NEEDED) return reason;
  core.cose_verify(0, 0);
  const { algorithm, kid, input, signature } = readVerification(core.memory);
  const isGood = isSigned(algorithms[algorithm] as "ES256" | "EdDSA", kid, input, signature);
  core.token_remember(0, 0, isGood ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID, ms);
  return core.cwt_verify(0, 0, ms);
}

async function policyImage(): Promise<Uint8Array> {
  const parsed = await parsePolicy(policy, 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const secretOf = () => secret.toString("base64url");
  const compiled = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.compiled.image;
}

function record(result: CwtDifferential, judged: Disagreement): void {
  const accepted = judged.reason === abi.REASON_NONE;
  if (accepted) result.accepted++;
  else result.refused++;
  result.reasons.set(judged.reason, (result.reasons.get(judged.reason) ?? 0) + 1);
  if (accepted === (judged.other === "")) return;
  const why = accepted ? undefined : exceptionFor(judged.token);
  if (why === undefined) result.unexplained.push(judged);
  else result.excepted.set(why, (result.excepted.get(why) ?? 0) + 1);
}

interface Message extends Mac0 {
  /** Or signature. */
  tag: Uint8Array;
}

/** Tags inside a token mean nothing to either side: what they enclose is read. */
const anyTag = new Proxy({}, { get: () => (content: () => unknown) => content() });

function strictly(bytes: Uint8Array): unknown {
  const options = { strict: true, allowIndefinite: false, useMaps: true, rejectDuplicateMapKeys: true, tags: anyTag };
  return decode(Uint8Array.from(bytes), options);
}

function must(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what);
}

/** "" = accepted, else why not. */
function judge(token: string): string {
  try {
    const { message, headers, algorithm } = readMessage(token);
    const kid = headers.get(4);
    must(kid === undefined || kid instanceof Uint8Array, "kid");
    judgeProof(message, algorithm, kid === undefined ? null : Buffer.from(kid).toString());
    const claims = strictly(message.payload);
    must(claims instanceof Map, "claims");
    judgeClaims(claims);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "refused";
  }
}

function judgeProof(message: Message, algorithm: number, kid: string | null): void {
  if (algorithm < 0) {
    const name = algorithm === ES256 || algorithm === ESP256 ? "ES256" : "EdDSA";
    must(isSigned(name, kid, sigStructure(message), message.tag), "signature");
    return;
  }
  const expected = createHmac("sha256", secret)
    .update(macStructure(message))
    .digest()
    .subarray(0, algorithm === HMAC_256_256 ? 32 : 8);
  must(kid === null || kid === "s1", "key unknown");
  must(message.tag.length === expected.length && timingSafeEqual(message.tag, expected), "tag");
}

function readMessage(token: string) {
  const bytes = Buffer.from(token, "base64url");
  must(base64url(bytes) === token, "base64url");
  const at = bytes[0] === 0xd8 && bytes[1] === 61 ? 2 : 0;
  const tag = bytes[at] === 0xd1 || bytes[at] === 0xd2 ? bytes[at] : null;
  must(tag !== null || at === 0, "the CWT tag alone");
  const untagged = bytes.subarray(at + (tag === null ? 0 : 1));
  must(untagged[0] === 0x84, "no array of four");
  const [protectedHeader, unprotected, payload, proof] = strictly(untagged) as unknown[];
  must(protectedHeader instanceof Uint8Array && payload instanceof Uint8Array && proof instanceof Uint8Array, "types");
  const own = protectedHeader.length === 0 ? new Map() : strictly(protectedHeader);
  must(own instanceof Map && unprotected instanceof Map, "headers");
  must(
    [1, 4].every((name) => !own.has(name) || !unprotected.has(name)),
    "twice",
  );
  must(!own.has(2) && !unprotected.has(2), "crit");
  const algorithm: unknown = own.get(1);
  must(
    [HMAC_256_64, HMAC_256_256, ES256, EDDSA, ESP256, ED25519].some((one) => one === algorithm),
    "algorithm",
  );
  must(tag === null || Number(algorithm) < 0 === (tag === 0xd2), "the other structure's tag");
  const message: Message = { protectedHeader, unprotectedHeader: cbor(unprotected), payload, tag: proof };
  return { message, algorithm: algorithm as number, headers: new Map([...unprotected, ...own]) };
}

const isText = (value: unknown): value is string => typeof value === "string";
const isDate = (value: unknown) => value === undefined || typeof value === "bigint" || Number.isFinite(value);
const isHeaderText = (text: string) => !/\p{Cc}/u.test(text);
const isHeaderWord = (text: string) => text !== "" && !/^ | $/.test(text) && isHeaderText(text);

function judgeClaims(claims: Map<unknown, unknown>): void {
  must(claims.get(ISS) === "coap://as", "issuer");
  must(
    [EXP, NBF, IAT].every((name) => isDate(claims.get(name))),
    "dates",
  );
  must(claims.has(EXP) && Number(claims.get(EXP)) > judgedS - toleranceS, "expired");
  must(!claims.has(NBF) || Number(claims.get(NBF)) <= judgedS + toleranceS, "not yet");
  const audience = [claims.get(AUD)].flat();
  must(audience.every(isText) && audience.some((one) => one === "fleet" || one === "store"), "audience");
  must(!claims.has(CTI) || claims.get(CTI) instanceof Uint8Array, "cti");
  const subject = claims.has(SUB) ? claims.get(SUB) : claims.get(ISS);
  must(isText(subject) && isHeaderWord(subject), "subject");
  must(!claims.has(SCOPE) || isScope(claims.get(SCOPE)), "scope");
}

function isScope(scope: unknown): boolean {
  if (isText(scope)) return isHeaderText(scope);
  return scope instanceof Uint8Array && isHeaderText(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(scope));
}

/**
 * Where cborg and node:crypto accept a token that the core refuses. There is no list for the other way: what they refuse the
 * core must refuse.
 */
function exceptionFor(token: string): string | undefined {
  const { message } = readMessage(token);
  const parts = [message.payload, message.protectedHeader, message.unprotectedHeader].filter((part) => part.length > 0);
  if (parts.some((part) => depthOf(strictly(part)) > abi.MAX_JSON_DEPTH)) return "nested deeper than MAX_JSON_DEPTH";
  if (parts.some((part) => !areKeys(strictly(part)))) return "a key that is neither integer nor text (RFC 9052 §1.4)";
  const claims = strictly(message.payload);
  const cnf = claims instanceof Map ? claims.get(8) : undefined;
  if (cnf !== undefined && !(cnf instanceof Map)) return "a cnf that is no map (RFC 8747 §3.1)";
  const bytes = Buffer.from(token, "base64url");
  const front = bytes[0] === 0xd8 ? 3 : bytes[0] === 0xd1 || bytes[0] === 0xd2 ? 1 : 0;
  const again = cbor(strictly(bytes.subarray(front)));
  const isSame =
    bytes.subarray(-again.length).equals(again) && parts.every((part) => Buffer.from(cbor(strictly(part))).equals(part));
  if (isSame) return undefined;
  return "not the one encoding of what it says (RFC 8949 §4.2.1): keys unsorted, a float too long, a text that is no UTF-8";
}

function membersOf(value: unknown): unknown[] {
  if (value instanceof Map) return [...value.values()];
  return Array.isArray(value) ? value : [];
}

function depthOf(value: unknown): number {
  if (!(value instanceof Map) && !Array.isArray(value)) return 0;
  return 1 + Math.max(0, ...membersOf(value).map(depthOf));
}

function areKeys(value: unknown): boolean {
  const isKey = (key: unknown) => isText(key) || typeof key === "bigint" || Number.isInteger(key);
  return (!(value instanceof Map) || [...value.keys()].every(isKey)) && membersOf(value).every(areKeys);
}

import { createHmac, timingSafeEqual } from "node:crypto";
import { decode } from "cborg";
import { seededRandom } from "../../cli/random.ts";
import { cbor, macStructure } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import { compile } from "../../worker/policy/compile.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { newCore, TestGateway } from "./core-fixture.ts";
import { AUD, base64url, CTI, type CwtCore, EXP, IAT, ISS, NBF, SCOPE, SUB } from "./cwt-fixture.ts";
import { judgedS, mutatedCwt, secret, toleranceS } from "./cwt-mutations.ts";

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: binding:A, auth: [sensors], operations: [GET /x] }
authenticators:
  - name: sensors
    type: cwt
    issuer: coap://as
    audience: [fleet, store]
    algorithms: [HMAC 256/256, HMAC 256/64]
    keys: [{ kid: s1, secret: "env:SECRET", encoding: base64url }]
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
  const result: CwtDifferential = { accepted: 0, refused: 0, reasons: new Map(), excepted: new Map(), unexplained: [] };
  for (let i = 0; i < count; i++) {
    if (i % 50_000 === 0) progress(i);
    const token = mutatedCwt(draw);
    gateway.request.credential(0, `Bearer ${token}`);
    record(result, { token, reason: core.cwt_verify(0, 0, judgedS * 1000), other: judge(token) });
  }
  return result;
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
    const expected = createHmac("sha256", secret)
      .update(macStructure(message))
      .digest()
      .subarray(0, algorithm === 5 ? 32 : 8);
    const kid = headers.get(4);
    must(kid === undefined || (kid instanceof Uint8Array && Buffer.from(kid).toString() === "s1"), "key unknown");
    must(message.tag.length === expected.length && timingSafeEqual(message.tag, expected), "signature");
    const claims = strictly(message.payload);
    must(claims instanceof Map, "claims");
    judgeClaims(claims);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "refused";
  }
}

function readMessage(token: string) {
  const bytes = Buffer.from(token, "base64url");
  must(base64url(bytes) === token, "base64url");
  const untagged = bytes.subarray(bytes[0] === 0xd8 && bytes[1] === 61 && bytes[2] === 0xd1 ? 3 : bytes[0] === 0xd1 ? 1 : 0);
  must(untagged[0] === 0x84, "no array of four");
  const [protectedHeader, unprotected, payload, tag] = strictly(untagged) as unknown[];
  must(protectedHeader instanceof Uint8Array && payload instanceof Uint8Array && tag instanceof Uint8Array, "types");
  const own = protectedHeader.length === 0 ? new Map() : strictly(protectedHeader);
  must(own instanceof Map && unprotected instanceof Map, "headers");
  must(
    [1, 4].every((name) => !own.has(name) || !unprotected.has(name)),
    "twice",
  );
  must(!own.has(2) && !unprotected.has(2), "crit");
  const algorithm: unknown = own.get(1);
  must(algorithm === 4 || algorithm === 5, "algorithm");
  const message = { protectedHeader, unprotectedHeader: cbor(unprotected), payload, tag };
  return { message, algorithm, headers: new Map([...unprotected, ...own]) };
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
  const again = cbor(strictly(bytes[0] === 0xd8 ? bytes.subarray(3) : bytes[0] === 0xd1 ? bytes.subarray(1) : bytes));
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

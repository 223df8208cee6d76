import { type CryptoKey, importJWK, type JWTHeaderParameters, jwtVerify } from "jose";
import { seededRandom } from "../../cli/random.ts";
import * as abi from "../../wasm/abi.ts";
import { compileText, secretNamed } from "./core-fixture.ts";
import { NodeGateway } from "./node-gateway.ts";
import type { SigningKey } from "./signing-keys.ts";
import { exceptionFor } from "./token-exceptions.ts";
import { judgedMs, toleranceS } from "./token-mutations.ts";
import { keysOfEveryAlgorithm, TokenSource } from "./token-source.ts";

const secret = secretNamed("env:SECRET_THAT_IS_LONG_ENOUGH_FOR_HS512");

/**
 * A list of algorithms has eight entries at most, so two authenticators take turns, each of a path. HS256 is in both: what keeps a
 * public key from verifying it is `kid` and `alg` alone.
 */
const groups = [
  { path: "/curves", algorithms: ["HS256", "HS384", "HS512", "ES256", "ES384", "ES512", "EdDSA"] },
  { path: "/rsa", algorithms: ["HS256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"] },
] as const;
type Group = (typeof groups)[number];

function isServed({ algorithms }: Group, { algorithm }: SigningKey): boolean {
  return algorithms.some((name) => name === algorithm);
}

function policyOf(keys: readonly SigningKey[]): string {
  const services = groups.map(
    ({ path }) =>
      `  - { name: ${path.slice(1)}, match: { path: ${path} }, upstream: "binding:A", auth: [${path.slice(1)}], operations: [GET ${path}] }`,
  );
  return `
picket: 1
services:
${services.join("\n")}
authenticators:
${groups.map((group) => authenticatorOf(group, keys)).join("\n")}
`;
}

function authenticatorOf(group: Group, keys: readonly SigningKey[]): string {
  const pairs = new Map(keys.filter((key) => key.jwk.kty !== "oct" && isServed(group, key)).map(({ kid, jwk }) => [kid, jwk]));
  const entries = [...pairs].map(([kid, jwk]) => `{ kid: ${kid}, jwk: ${JSON.stringify(jwk)} }`);
  return `  - name: ${group.path.slice(1)}
    type: jwt
    issuer: https://id.example
    audience: fleet
    algorithms: [${group.algorithms.join(", ")}]
    keys: [{ kid: d1, secret: env:SECRET_THAT_IS_LONG_ENOUGH_FOR_HS512 }, ${entries.join(", ")}]
    clockTolerance: ${toleranceS}s
`;
}

export interface Disagreement {
  token: string;
  /** REASON_* of the core. */
  reason: number;
  /** jose's message, "" = accepted. */
  jose: string;
}

export interface Differential {
  accepted: number;
  refused: number;
  /** How often each REASON_* was the core's answer. */
  reasons: Map<number, number>;
  /** Disagreements that a listed exception explains, by exception. */
  excepted: Map<string, number>;
  unexplained: Disagreement[];
  /** Of each algorithm's key: tokens that started from it, and how many of those were accepted. */
  algorithms: Map<string, { tokens: number; accepted: number }>;
  /** Signatures that went through WebCrypto; the others were HS256's, known already, or refused before. */
  verifications: number;
  /** The public keys of this run, to judge what disagrees again. */
  policy: string;
}

/** Judges `count` tokens of a seed by the gateway, WebCrypto included, and by jose. */
export async function compareWithJose(count: number, seed: number, progress = (_done: number) => {}): Promise<Differential> {
  const draw = seededRandom(seed);
  const keys = keysOfEveryAlgorithm(secret);
  const source = new TokenSource(draw, keys, Math.max(100, Math.ceil(count / 250)));
  const policy = policyOf(keys);
  const gateway = new NodeGateway(await compileText(policy));
  const keyFor = await joseKeys(keys);
  const result: Differential = {
    accepted: 0,
    refused: 0,
    reasons: new Map(),
    excepted: new Map(),
    unexplained: [],
    algorithms: new Map(keys.map(({ algorithm }) => [algorithm, { tokens: 0, accepted: 0 }])),
    verifications: 0,
    policy,
  };
  for (let i = 0; i < count; i++) {
    if (i % 50_000 === 0) progress(i);
    const { token: credential, key } = source.next();
    // From another address each time: this is not about how many verifications one may have.
    const address = `10.${(i >> 16) & 0xff}.${(i >> 8) & 0xff}.${i & 0xff}`;
    const group = draw.pick(groups.filter((one) => isServed(one, key)));
    const reason = await gateway.judge(`Bearer ${credential}`, address, group.path, judgedMs);
    const token = credential.replace(/^ +/, ""); // more spaces behind the scheme are the scheme's (RFC 9110 §11.4: 1*SP)
    record(result, key, { token, reason, jose: await judge(token, keyFor, group) });
  }
  result.verifications = gateway.verifications;
  return result;
}

function record(result: Differential, { algorithm }: SigningKey, judged: Disagreement): void {
  const accepted = judged.reason === abi.REASON_NONE;
  if (accepted) result.accepted++;
  else result.refused++;
  const own = result.algorithms.get(algorithm) ?? { tokens: 0, accepted: 0 };
  own.tokens++;
  if (accepted) own.accepted++;
  result.reasons.set(judged.reason, (result.reasons.get(judged.reason) ?? 0) + 1);
  if (accepted === (judged.jose === "")) return;
  const why = accepted ? undefined : exceptionFor(judged.token);
  if (why === undefined) result.unexplained.push(judged);
  else result.excepted.set(why, (result.excepted.get(why) ?? 0) + 1);
}

type KeyFor = (header: JWTHeaderParameters) => CryptoKey | Uint8Array;

/** The policy's key for a token's algorithm, of the kid that it names, if it names one. */
async function joseKeys(keys: readonly SigningKey[]): Promise<KeyFor> {
  const imported = await Promise.all(keys.map(({ algorithm, jwk }) => importJWK(jwk, algorithm)));
  const byAlgorithm = new Map(keys.map(({ algorithm, kid }, i) => [algorithm as string, { kid, key: imported[i] }]));
  return ({ alg, kid }) => {
    const own = byAlgorithm.get(alg);
    if (own?.key === undefined || (kid !== undefined && kid !== own.kid)) throw new Error("key unknown");
    return own.key;
  };
}

async function judge(token: string, keyFor: KeyFor, group: Group): Promise<string> {
  try {
    await jwtVerify(token, keyFor, {
      issuer: "https://id.example",
      audience: "fleet",
      algorithms: [...group.algorithms],
      requiredClaims: ["exp"],
      clockTolerance: toleranceS,
      currentDate: new Date(judgedMs),
    });
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "refused";
  }
}

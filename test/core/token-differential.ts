import { type JWTHeaderParameters, jwtVerify } from "jose";
import { seededRandom } from "../../cli/random.ts";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";
import { exceptionFor } from "./token-exceptions.ts";
import { judgedMs, mutatedToken, secret, toleranceS } from "./token-mutations.ts";

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [tokens], operations: [GET /x] }
authenticators:
  - name: tokens
    type: jwt
    issuer: https://id.example
    audience: fleet
    algorithms: [HS256]
    keys: [{ kid: d1, secret: env:SECRET }]
    kind: device
    clockTolerance: ${toleranceS}s
`;

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
}

/** Judges `count` tokens of a seed by the core and by jose. */
export async function compareWithJose(count: number, seed: number, progress = (_done: number) => {}): Promise<Differential> {
  const draw = seededRandom(seed);
  const gateway = new TestGateway(newCore(), (await compileText(policy)).image);
  const result: Differential = { accepted: 0, refused: 0, reasons: new Map(), excepted: new Map(), unexplained: [] };
  for (let i = 0; i < count; i++) {
    if (i % 50_000 === 0) progress(i);
    const credential = mutatedToken(draw);
    gateway.write({ credentials: [`Bearer ${credential}`] });
    const reason = gateway.core.token_verify(0, 0, judgedMs);
    const token = credential.replace(/^ +/, ""); // more spaces behind the scheme are the scheme's (RFC 9110 §11.4: 1*SP)
    record(result, { token, reason, jose: await judge(token) });
  }
  return result;
}

function record(result: Differential, judged: Disagreement): void {
  const accepted = judged.reason === abi.REASON_NONE;
  if (accepted) result.accepted++;
  else result.refused++;
  result.reasons.set(judged.reason, (result.reasons.get(judged.reason) ?? 0) + 1);
  if (accepted === (judged.jose === "")) return;
  const why = accepted ? undefined : exceptionFor(judged.token);
  if (why === undefined) result.unexplained.push(judged);
  else result.excepted.set(why, (result.excepted.get(why) ?? 0) + 1);
}

const key = new TextEncoder().encode(secret);

/** The policy's one key, for the kid that it has or for a token that names none. */
function keyFor({ kid }: JWTHeaderParameters): Uint8Array {
  if (kid !== undefined && kid !== "d1") throw new Error("key unknown");
  return key;
}

async function judge(token: string): Promise<string> {
  try {
    await jwtVerify(token, keyFor, {
      issuer: "https://id.example",
      audience: "fleet",
      algorithms: ["HS256"],
      requiredClaims: ["exp"],
      clockTolerance: toleranceS,
      currentDate: new Date(judgedMs),
    });
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "refused";
  }
}

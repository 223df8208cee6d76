import type { Algorithm } from "../../worker/policy/algorithms.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";
import { JwsVerifier, readingPolicy } from "./jws-verifier.ts";

const verifier = new JwsVerifier(new TestGateway(newCore(), (await compileText(readingPolicy)).image).core);

/** JwsVerifier's judgement, in Node. */
export function verifyJws(jws: string, jwk: Record<string, unknown>, allowed?: readonly Algorithm[]): Promise<boolean> {
  return verifier.verify(jws, jwk, allowed);
}

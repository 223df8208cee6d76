import { readVerification, type Verification } from "../engine/verification-record.ts";
import type { Isolate } from "./isolate.ts";
import type { PolicyKeys } from "./verifier.ts";

/** What was found of a signature, and under which policy. */
export interface Verified {
  asked: Verification;
  /** REASON_NONE = good. */
  found: number;
  policy: PolicyKeys;
}

/**
 * After VERDICT_VERIFY: verifies the signature that is asked for outside the core. Copies what it needs before it awaits anything,
 * because other requests are decided meanwhile. The caller then writes its request anew.
 */
export function verifyAsked(isolate: Isolate, execution: Pick<ExecutionContext, "waitUntil">): Promise<Verified> {
  const verified = verify(isolate);
  execution.waitUntil(verified); // keys that are under way arrive even when this caller hangs up
  return verified;
}

async function verify({ engine, policy, verifier }: Isolate): Promise<Verified> {
  const asked = readVerification(engine.core.memory);
  if (policy === null) throw new Error("the core asked for a verification without a policy");
  return { asked, found: await verifier.verify(asked, policy), policy };
}

/** Was what the core asks for now found already, under the policy in force? Then asking again is no use. */
export function isFound(isolate: Isolate, found: readonly Verified[]): boolean {
  const slot = isolate.engine.verdict.verifySlot;
  return found.some(({ asked, policy }) => asked.slot === slot && policy === isolate.policy);
}

/**
 * Decides the request that was written anew. Synchronous: between decide() and the reading of its verdict nothing may be
 * awaited, not even an async function that only calls it. What was found under a policy that is no longer in force counts
 * for nothing: the index of its authenticator may mean another by now.
 *
 * @param found of the request's signatures: its token's, and its DPoP proof's
 */
export function decideAgain(isolate: Isolate, found: readonly Verified[], nowMs: number): number {
  for (const one of found) {
    if (isolate.policy === one.policy) isolate.engine.remember(one.asked.slot, one.asked.authenticator, one.found, nowMs);
  }
  return isolate.engine.decide(nowMs);
}

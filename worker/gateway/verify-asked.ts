import * as abi from "../../wasm/abi.ts";
import { readVerification, type Verification } from "../engine/verification-record.ts";
import type { Isolate } from "./isolate.ts";
import type { KeyAnswer, KeyStore } from "./key-lookups.ts";
import { tellKey } from "./stored-key.ts";
import type { PolicyKeys } from "./verifier.ts";

/** What was found of a signature or of a stored API key, and under which policy. */
export interface Verified {
  asked: Verification;
  /** REASON_NONE = good; of a stored key what D1 says. */
  found: number | KeyAnswer;
  policy: PolicyKeys;
}

export interface VerifyContext {
  execution: Pick<ExecutionContext, "waitUntil">;
  keyStore: KeyStore;
}

/**
 * After VERDICT_VERIFY: verifies the signature that is asked for outside the core, or looks the API key up. Copies what it needs before it awaits anything,
 * because other requests are decided meanwhile. The caller then writes its request anew.
 */
export function verifyAsked(isolate: Isolate, { execution, keyStore }: VerifyContext): Promise<Verified> {
  const verified = verify(isolate, keyStore, false);
  execution.waitUntil(verified); // keys that are under way arrive even when this caller hangs up
  return verified;
}

async function verify({ engine, policy, verifier, keyLookups }: Isolate, store: KeyStore, isKnown: boolean): Promise<Verified> {
  const asked = readVerification(engine.core.memory);
  if (policy === null) throw new Error("the core asked for a verification without a policy");
  if (asked.algorithm !== abi.VERIFY_STORED_KEY) return { asked, found: await verifier.verify(asked, policy), policy };
  const name = policy.meta.authenticators[asked.authenticator]?.name ?? "";
  return { asked, found: await keyLookups.find(store, name, hex(asked.input), isKnown), policy };
}

/**
 * Reads anew what is known of the stored key of the request that was decided last, while it goes on. What D1 does not answer
 * leaves what is known as it is.
 */
export function renewKey(isolate: Isolate, { execution, keyStore }: VerifyContext): void {
  const renewed = verify(isolate, keyStore, true).then((verified) => {
    if (typeof verified.found !== "number" && verified.found.ok) tell(isolate, verified, Date.now());
  });
  execution.waitUntil(renewed);
}

/** Was what the core asks for now found already, under the policy in force? Then asking again is no use. */
export function isFound(isolate: Isolate, found: readonly Verified[]): boolean {
  const slot = isolate.engine.verdict.verifySlot;
  return found.some(({ asked, policy }) => asked.slot === slot && policy === isolate.policy);
}

/**
 * Decides the request that was written anew. Synchronous: between decide() and the reading of its verdict nothing may be
 * awaited, not even an async function that only calls it.
 *
 * @param found of the request's signatures: its token's, and its DPoP proof's
 */
export function decideAgain(isolate: Isolate, found: readonly Verified[], nowMs: number): number {
  for (const one of found) tell(isolate, one, nowMs);
  return isolate.engine.decide(nowMs);
}

/** What was found under a policy that is no longer in force counts for nothing: the index of its authenticator may mean another by now. */
function tell({ engine, policy: inForce }: Isolate, { asked, found, policy }: Verified, nowMs: number): void {
  if (inForce !== policy) return;
  if (typeof found === "number") engine.remember(asked.slot, asked.authenticator, found, nowMs);
  else tellKey(engine, asked, found, policy.meta, nowMs);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

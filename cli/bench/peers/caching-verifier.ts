import { createVerifier } from "fast-jwt";
import * as abi from "../../../wasm/abi.ts";
import type { CoreExports } from "../../../worker/engine/core.ts";
import type { Engine } from "../../../worker/engine/engine.ts";
import type { TokenRules, TokenVerifier } from "./token-verifier.ts";

export type CallerCore = CoreExports & { caller_check(service: number, nowMs: number): number };

/** More than the tokens that come up between two requests of one caller, and as many as the core keeps facts of. */
const CACHED_TOKENS = abi.FACTS_ENTRIES;

/** As decide() authenticates a caller of the policy's first service, what it knows of the token included. */
export function coreCallerVerifier(engine: Engine): TokenVerifier {
  const core = engine.core as CallerCore;
  const nowMs = Date.now();
  const prepare = (tokens: readonly string[]) => {
    const authorizations = tokens.map((token) => arrived(`Bearer ${token}`));
    return (i: number) => {
      engine.request.credential(0, authorizations[i] ?? "");
      return core.caller_check(0, nowMs) === abi.REASON_NONE;
    };
  };
  return { name: "core", sync: true, prepare };
}

/** fast-jwt with its cache, whose key is a hash of the token by default, or the token itself: the quickest that is safe. */
export function fastJwtVerifiers({ issuer, audience, secret }: TokenRules): TokenVerifier[] {
  const options = {
    key: secret,
    algorithms: ["HS256" as const],
    allowedIss: issuer,
    allowedAud: audience,
    requiredClaims: ["exp"],
    cache: CACHED_TOKENS,
  };
  const verifier = (name: string, verify: (token: string) => unknown): TokenVerifier => {
    const prepare = (tokens: readonly string[]) => {
      const copies = tokens.map(arrived);
      return (i: number) => accepts(verify, copies[i] ?? "");
    };
    return { name, sync: true, prepare };
  };
  return [
    verifier("fast-jwt", createVerifier({ ...options, cacheKeyBuilder: (token) => token })),
    verifier("fast-jwt, hashed", createVerifier(options)),
  ];
}

function accepts(verify: (token: string) => unknown, token: string): boolean {
  try {
    verify(token);
    return true;
  } catch {
    return false;
  }
}

/** A string of its own, as a server makes one of each header: no hash of it is known yet, and it is in one piece. */
export function arrived(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

import * as abi from "../../wasm/abi.ts";
import type { Authenticator } from "./schema.ts";

const DEFAULT_MAX_AGE_MS = 60_000;

/** Does the authenticator take DPoP proofs? */
export function takesProofs(authenticator: Authenticator): boolean {
  return authenticator.type !== "api-key" && authenticator.dpop !== undefined;
}

/** What an authenticator's record says of proof of possession, beside what is in it. */
export function writePossession(view: DataView, authenticator: Authenticator): void {
  if (authenticator.type === "api-key") return;
  const flags =
    (authenticator.type === "jwt" && authenticator.boundTo === "mtls" ? abi.AUTH_MTLS : 0) | proofFlags(authenticator);
  view.setUint32(abi.AUTH_FLAGS, view.getUint32(abi.AUTH_FLAGS, true) | flags, true);
  if (authenticator.dpop === undefined) return;
  view.setUint32(abi.AUTH_PROOF_AGE_S, Math.floor((authenticator.dpopMaxAge ?? DEFAULT_MAX_AGE_MS) / 1000), true);
}

function proofFlags({ dpop, dpopNonce }: Exclude<Authenticator, { type: "api-key" }>): number {
  if (dpop === undefined) return 0;
  const required = dpop === "required" ? abi.AUTH_DPOP_REQUIRED : 0;
  return abi.AUTH_DPOP | required | (dpopNonce === true ? abi.AUTH_DPOP_NONCE : 0);
}

import type { DraftAuthenticator } from "./draft.ts";
import type { Finding } from "./problem.ts";

/**
 * Fields about proofs where none are taken, and proofs of those who make their tokens themselves.
 *
 * Problems: dpop_missing, derive_and_dpop.
 */
export function possessionFindings({ path, dpop, proofFields, derives }: DraftAuthenticator): Finding[] {
  const idle = dpop === "" ? proofFields : [];
  const findings = idle.map((field) => {
    const message = "this authenticator takes no proofs";
    return { path: [...path, field], code: "dpop_missing", message, expected: "dpop: required or allowed", found: "no dpop" };
  });
  if (dpop === "" || !derives) return findings;
  const message = "a device with a derived key makes its tokens itself: what they are bound to binds nobody";
  return [{ path: [...path, "dpop"], code: "derive_and_dpop", message, expected: "dpop or derive", found: "both" }];
}

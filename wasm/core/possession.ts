// Proof of possession: a token that is bound to a key or a certificate is held to it whatever the policy says, because it is
// then no bearer token; the policy may also refuse those that are not bound.
import * as abi from "../abi";
import { BY_CERTIFICATE, BY_COSE_KEY, BY_JWK, certificateThumbprint, confirmation, UNKNOWN } from "./confirmation";
import { authenticators } from "./image";
import { SCHEME_BEARER, SCHEME_DPOP, tokenScheme, tokenStart } from "./jwt";
import { proofJudge } from "./proof";
import { bytesEqual } from "./text";

/**
 * Judges whether the token that an authenticator has let pass is in its own caller's hands.
 *
 * @returns REASON_*, or VERIFICATION_NEEDED with what is to be verified in the verdict record
 */
@inline
export function possessionJudge(authenticator: i32, slot: i32, nowMs: f64): i32 {
  const credential = <usize>(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE);
  const token = tokenStart(credential, slot); // anew: other slots may have been looked into since
  const flags = load<u32>(authenticators + <usize>authenticator * abi.AUTH_SIZE, abi.AUTH_FLAGS) & abi.AUTH_POSSESSION;
  return (flags | confirmation) == 0 && tokenScheme != SCHEME_DPOP ? abi.REASON_NONE : boundJudge(authenticator, slot, token, flags, nowMs);
}

function boundJudge(authenticator: i32, slot: i32, token: usize, flags: u32, nowMs: f64): i32 {
  const takesProofs = (flags & abi.AUTH_DPOP) != 0;
  if (tokenScheme == SCHEME_DPOP && !takesProofs) return abi.REASON_CREDENTIAL_MISSING; // as any scheme that is not taken
  if ((confirmation & UNKNOWN) != 0) return abi.REASON_PROOF_MISSING;
  const byCertificate = (confirmation & BY_CERTIFICATE) != 0;
  if (byCertificate ? !certificateFits() : (flags & abi.AUTH_MTLS) != 0) return abi.REASON_CERTIFICATE_MISMATCH;
  const byKey = (confirmation & (BY_JWK | BY_COSE_KEY)) != 0;
  if (!byKey && tokenScheme != SCHEME_DPOP && (flags & abi.AUTH_DPOP_REQUIRED) == 0) return abi.REASON_NONE;
  // RFC 9449 §7.1: with the scheme DPoP a token is bound; §7.2: one that is bound is never a bearer token.
  if (!byKey || !takesProofs || tokenScheme == SCHEME_BEARER || load<i32>(abi.PROOF_LENGTH) == 0) return abi.REASON_PROOF_MISSING;
  const end = <usize>(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE) + load<i32>(abi.REQUEST_CREDENTIAL_LENGTHS + (slot << 2));
  return proofJudge(authenticator, token, <i32>(end - token), nowMs);
}

@inline
function certificateFits(): bool {
  return load<i32>(abi.CERTIFICATE_SHOWN) == 1 && bytesEqual(certificateThumbprint, abi.CERTIFICATE, 32);
}

// Objects that belong to their caller: a path parameter that must be what the token's claim or the principal says (OWASP API1:2023,
// broken object level authorization). The parameter stands at a segment that is known since the policy was compiled.
import * as abi from "../abi";
import { authenticators, operations, refAt } from "./image";
import { claimAddress, claimLength } from "./jwt";
import { escapedByte, matchLength } from "./path";
import { policyTextIs } from "./policy-text";
import { segmentAfter } from "./segment";

const SLASH: u32 = 0x2f;
const PERCENT: u32 = 0x25;

let ownerAddress: usize = 0;
let ownerLength: i32 = 0;

/** Is each bound segment of the normalized path at PATH what the authenticated caller may call its own? */
@inline
export function bindsHold(operation: i32): bool {
  const record = operations + <usize>operation * abi.OPERATION_SIZE;
  const count = load<i32>(record + abi.OPERATION_BINDS_COUNT);
  return count == 0 || allHold(load<i32>(record + abi.OPERATION_BINDS_FIRST), count);
}

function allHold(ref: i32, count: i32): bool {
  const end: usize = abi.PATH + matchLength;
  let at: usize = abi.PATH + 1;
  let segment = 0;
  for (; count > 0; count--, ref += 2) {
    at = segmentAfter(at, end, refAt(ref) - segment);
    segment = refAt(ref);
    if (!ownerRead(refAt(ref + 1)) || !segmentIs(at, end, ownerAddress, ownerLength)) return false;
  }
  return true;
}

/** What the caller owns by this subject; false when it says nothing of the kind, and then it owns nothing. */
function ownerRead(subject: i32): bool {
  const authenticator = load<i32>(abi.VERDICT_AUTHENTICATOR);
  if (authenticator < 0) return false;
  const record = authenticators + <usize>authenticator * abi.AUTH_SIZE;
  if (subject == abi.BIND_PRINCIPAL) {
    ownerAddress = load<usize>(abi.VERDICT_PRINCIPAL);
    ownerLength = load<i32>(abi.VERDICT_PRINCIPAL_LENGTH);
    // A token without `sub` has its issuer for a principal, which is no caller of its own: nobody owns by that name.
    const issuer = load<i32>(record + abi.AUTH_ISSUER);
    return ownerLength > 0 && (issuer < 0 || !policyTextIs(issuer, ownerAddress, ownerLength));
  }
  const isApiKey = load<u32>(record + abi.AUTH_TYPE) == abi.AUTH_API_KEY;
  if (isApiKey || subject >= load<i32>(record + abi.AUTH_CLAIMS_COUNT)) return false;
  ownerAddress = claimAddress(subject);
  ownerLength = claimLength(subject);
  return ownerLength > 0;
}

/**
 * Is the segment at `at`, its escapes decoded once, these bytes? Decoded, because a claim that itself reads "caf%C3%A9" must not
 * open the object that an upstream reads as "café".
 */
function segmentIs(at: usize, end: usize, text: usize, length: i32): bool {
  const textEnd = text + length;
  for (; at < end; at++, text++) {
    let c = <u32>load<u8>(at);
    if (c == SLASH) break;
    if (c == PERCENT) {
      c = escapedByte(at + 1);
      at += 2;
    }
    if (text == textEnd || c != <u32>load<u8>(text)) return false;
  }
  return text == textEnd;
}

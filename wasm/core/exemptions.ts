// Exemptions from limits: of a principal, or of whoever calls from a network, until an instant. Asked only where a limit would
// refuse, so that who keeps to the limits pays nothing for them. They let pass, so every byte is compared: a collision exempts nobody.
import * as abi from "../abi";
import { authenticatorName, stringAddress, stringLength } from "./image";
import { clientAddressRead, isInNetwork } from "./networks";
import { BUCKET_SECOND, BUCKET_UNTIL_MS, bucketAfter, bucketOf, entryBytes, exemptionsFirst, firstHash, nameHash, overlayKinds } from "./overlay";
import { policyTextIs } from "./policy-text";
import { isText } from "./words";

/** Is the caller in the verdict record, or the request's address, exempt from the limit now? `limit`: hash of its name. */
export function exempt(limit: u64, nowMs: f64): bool {
  if ((overlayKinds & (1 << abi.EXEMPTION)) == 0) return false;
  return isPrincipalExempt(limit, nowMs) || isAddressExempt(limit, nowMs);
}

function isPrincipalExempt(limit: u64, nowMs: f64): bool {
  const authenticator = load<i32>(abi.VERDICT_AUTHENTICATOR);
  const length = load<i32>(abi.VERDICT_PRINCIPAL_LENGTH);
  if (authenticator < 0 || <u32>(length - 1) >= <u32>abi.MAX_REVOKED_SUBJECT) return false;
  const name = authenticatorName(authenticator);
  const principal = load<usize>(abi.VERDICT_PRINCIPAL);
  const first = firstHash(abi.EXEMPTION, nameHash(stringAddress(name), stringLength(name)), principal, length);
  for (let bucket = bucketOf(first); load<f64>(bucket, BUCKET_UNTIL_MS) != 0; bucket = bucketAfter(bucket)) {
    if (load<u64>(bucket) != first) continue;
    const entry = <usize>load<u64>(bucket, BUCKET_SECOND);
    if (isOf(entry, name, principal, length) && holds(entry, limit, nowMs)) return true;
  }
  return false;
}

@inline
function isOf(entry: usize, name: i32, principal: usize, length: i32): bool {
  const nameLength = load<i32>(entry, abi.ENTRY_AUTHENTICATOR_LENGTH);
  const text = entry + abi.ENTRY_TEXT;
  return policyTextIs(name, text, nameLength) && isText(text + nameLength, load<i32>(entry, abi.ENTRY_SUBJECT_LENGTH), principal, length);
}

function isAddressExempt(limit: u64, nowMs: f64): bool {
  if (!clientAddressRead()) return false;
  for (let entry = exemptionsFirst(); load<i32>(entry, abi.ENTRY_KIND) != 0; entry += entryBytes(entry)) {
    if (load<u32>(entry, abi.ENTRY_AUTHENTICATOR_LENGTH) == 0 && isInNetwork(entry + abi.ENTRY_TEXT) && holds(entry, limit, nowMs)) return true;
  }
  return false;
}

/** Has the exemption not ended, and is it from this limit or from all? */
@inline
function holds(entry: usize, limit: u64, nowMs: f64): bool {
  if (!(nowMs < load<f64>(entry, abi.ENTRY_UNTIL_MS))) return false;
  if (load<u32>(entry, abi.ENTRY_SCOPES_LENGTH) == 0) return true;
  const text = entry + abi.ENTRY_TEXT + load<u32>(entry, abi.ENTRY_AUTHENTICATOR_LENGTH) + load<u32>(entry, abi.ENTRY_SUBJECT_LENGTH);
  return load<u64>(text) == limit;
}

// Time-bound grants: scopes that a principal holds beside its credential's, from an instant until another. They begin and end by
// the clock alone, with no message.
import * as abi from "../abi";
import { authenticatorName, stringAddress, stringLength } from "./image";
import { BUCKET_FROM_MS, BUCKET_SECOND, BUCKET_UNTIL_MS, bucketAfter, bucketOf, firstHash, nameHash, overlayKinds } from "./overlay";
import { policyTextIs } from "./policy-text";
import { holdsWord, isText } from "./words";

const DAY_MS: f64 = 86400000;

/** A scope that was asked for was granted until less than a day ago. */
export let grantEnded: bool = false;

export function grantsReset(): void {
  grantEnded = false;
}

/** Is the scope granted to the authenticated caller now? */
export function isGranted(scope: usize, length: i32, nowMs: f64): bool {
  const authenticator = load<i32>(abi.VERDICT_AUTHENTICATOR);
  const principalLength = load<i32>(abi.VERDICT_PRINCIPAL_LENGTH);
  if ((overlayKinds & (1 << abi.GRANT)) == 0 || authenticator < 0 || principalLength > abi.MAX_REVOKED_SUBJECT) return false;
  const name = authenticatorName(authenticator);
  const principal = load<usize>(abi.VERDICT_PRINCIPAL);
  const first = firstHash(abi.GRANT, nameHash(stringAddress(name), stringLength(name)), principal, principalLength);
  for (let bucket = bucketOf(first); load<f64>(bucket, BUCKET_UNTIL_MS) != 0; bucket = bucketAfter(bucket)) {
    if (load<u64>(bucket) != first || !gives(<usize>load<u64>(bucket, BUCKET_SECOND), name, principal, principalLength, scope, length)) continue;
    const untilMs = load<f64>(bucket, BUCKET_UNTIL_MS);
    if (nowMs < load<f64>(bucket, BUCKET_FROM_MS)) continue;
    if (nowMs < untilMs) return true;
    if (nowMs < untilMs + DAY_MS) grantEnded = true;
  }
  return false;
}

/** Compares every byte: two callers with one hash must not share a grant. */
@inline
function gives(entry: usize, name: i32, principal: usize, principalLength: i32, scope: usize, length: i32): bool {
  const text = entry + abi.ENTRY_TEXT;
  const nameLength = load<i32>(entry, abi.ENTRY_AUTHENTICATOR_LENGTH);
  const subjectLength = load<i32>(entry, abi.ENTRY_SUBJECT_LENGTH);
  const scopes = text + nameLength + subjectLength;
  return policyTextIs(name, text, nameLength)
    && isText(text + nameLength, subjectLength, principal, principalLength)
    && holdsWord(scopes, scopes + load<i32>(entry, abi.ENTRY_SCOPES_LENGTH), scope, length);
}

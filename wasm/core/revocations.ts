// Revocations: by token id (jti), principal, API key, or everything that an authenticator would accept from before an instant. Asked
// once a credential is known to be good, so that nobody learns from a forged one what is revoked.
import * as abi from "../abi";
import { authenticatorName, stringAddress, stringLength } from "./image";
import { BUCKET_FROM_MS, BUCKET_SECOND, BUCKET_UNTIL_MS, bucketAfter, bucketOf, firstHash, nameHash, overlayKinds, secondHash } from "./overlay";

/**
 * Is the caller in the verdict record, or what proves it, revoked?
 *
 * @param kind REVOKED_TOKEN or REVOKED_CREDENTIAL: what `id` names
 * @param length of `id`, -1 = the credential has none
 * @param issuedMs NaN = not known, which is before any instant
 */
function isRevoked(kind: i32, id: usize, length: i32, issuedMs: f64, nowMs: f64): bool {
  const index = authenticatorName(load<i32>(abi.VERDICT_AUTHENTICATOR));
  const name = nameHash(stringAddress(index), stringLength(index));
  return has(abi.REVOKED_ISSUER, name, 0, 0, issuedMs, nowMs)
    || has(abi.REVOKED_PRINCIPAL, name, load<usize>(abi.VERDICT_PRINCIPAL), load<i32>(abi.VERDICT_PRINCIPAL_LENGTH), issuedMs, nowMs)
    || has(kind, name, id, length, issuedMs, nowMs);
}

/** Is the caller in the verdict record a device that was set apart? */
export function isQuarantined(nowMs: f64): bool {
  const index = authenticatorName(load<i32>(abi.VERDICT_AUTHENTICATOR));
  const name = nameHash(stringAddress(index), stringLength(index));
  return has(abi.QUARANTINED, name, load<usize>(abi.VERDICT_PRINCIPAL), load<i32>(abi.VERDICT_PRINCIPAL_LENGTH), NaN, nowMs);
}

/**
 * What the overlay says of the caller in the verdict record: REASON_REVOKED, REASON_DEVICE_QUARANTINED or REASON_NONE. A device that
 * is revoked as well is told that, since a new token may help it.
 *
 * @param kind, id, length, issuedMs as isRevoked takes them
 */
export function overlayJudge(kind: i32, id: usize, length: i32, issuedMs: f64, nowMs: f64): i32 {
  if (isRevoked(kind, id, length, issuedMs, nowMs)) return abi.REASON_REVOKED;
  return isQuarantined(nowMs) ? abi.REASON_DEVICE_QUARANTINED : abi.REASON_NONE;
}

function has(kind: i32, name: u64, subject: usize, length: i32, issuedMs: f64, nowMs: f64): bool {
  if ((overlayKinds & (1 << kind)) == 0 || <u32>length > <u32>abi.MAX_REVOKED_SUBJECT) return false;
  const first = firstHash(kind, name, subject, length);
  for (let bucket = bucketOf(first); load<f64>(bucket, BUCKET_UNTIL_MS) != 0; bucket = bucketAfter(bucket)) {
    if (
      load<u64>(bucket) == first &&
      nowMs < load<f64>(bucket, BUCKET_UNTIL_MS) &&
      !(issuedMs >= load<f64>(bucket, BUCKET_FROM_MS)) &&
      load<u64>(bucket, BUCKET_SECOND) == secondHash(kind, name, subject, length)
    ) return true;
  }
  return false;
}

// API keys: known by their SHA-256 only. A preimage cannot be searched for by timing, so a plain comparison will do.
import * as abi from "../abi";
import { apiKeyCount, apiKeys } from "./image";
import { isJunkKey } from "./key-checksum";
import { sha256 } from "./sha256";
import { bytesOrder } from "./text";

const digest: usize = memory.data(32, 8);

/** The record that apiKeyJudge found. */
export let apiKeyRecord: usize = 0;

/**
 * Judges the API key in a credential slot.
 *
 * @returns REASON_NONE and apiKeyRecord, REASON_API_KEY_UNKNOWN, or REASON_API_KEY_EXPIRED
 */
export function apiKeyJudge(slot: i32, length: i32, authenticator: i32, nowMs: f64): i32 {
  if (isJunkKey(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE, length)) return abi.REASON_API_KEY_UNKNOWN;
  sha256(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE, length, <i32>digest);
  apiKeyRecord = find(authenticator);
  if (apiKeyRecord == 0) return abi.REASON_API_KEY_UNKNOWN;
  const expiresMs = load<f64>(apiKeyRecord + abi.API_KEY_EXPIRES_MS);
  return expiresMs != 0 && nowMs >= expiresMs ? abi.REASON_API_KEY_EXPIRED : abi.REASON_NONE;
}

/** Binary search among records sorted by (digest, authenticator); 0 = none. */
function find(authenticator: i32): usize {
  let low = 0;
  let high = apiKeyCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = apiKeys + <usize>middle * abi.API_KEY_SIZE;
    let order = bytesOrder(record + abi.API_KEY_DIGEST, digest, 32);
    if (order == 0) order = load<i32>(record + abi.API_KEY_AUTHENTICATOR) - authenticator;
    if (order == 0) return record;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return 0;
}

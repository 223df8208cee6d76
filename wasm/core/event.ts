// The record of one sampled request, filled from the request and its verdict.
import * as abi from "../abi";

/** Fills `record` once the verdict record is complete. Priority and threshold are the sampler's to say. */
export function eventFill(record: usize, nowMs: f64, stratum: i32, verdict: i32, priority: f64): void {
  const reason = load<i32>(abi.VERDICT_REASON);
  store<u64>(record + abi.EVENT_ID, load<u64>(abi.VERDICT_EVENT_LOW));
  store<f64>(record + abi.EVENT_TIME_MS, nowMs);
  store<f64>(record + abi.EVENT_PRIORITY, priority);
  store<f64>(record + abi.EVENT_WEIGHT, 1);
  store<f64>(record + abi.EVENT_THRESHOLD, 0);
  store<u8>(record + abi.EVENT_STRATUM, stratum);
  store<u8>(record + abi.EVENT_VERDICT, verdict);
  store<u8>(record + abi.EVENT_REASON, reason);
  store<u8>(record + abi.EVENT_METHOD, load<i32>(abi.REQUEST_METHOD));
  store<i32>(record + abi.EVENT_OPERATION, load<i32>(abi.VERDICT_OPERATION));
  store<i16>(record + abi.EVENT_AUTHENTICATOR, load<i32>(abi.VERDICT_AUTHENTICATOR));
  store<u8>(record + abi.EVENT_KIND, load<i32>(abi.VERDICT_KIND));
  store<u8>(record + abi.EVENT_SETTLED, 0);
  store<u16>(record + abi.EVENT_STATUS, 0);
  store<u16>(record + abi.EVENT_COUNTRY, load<i32>(abi.REQUEST_COUNTRY));
  store<u32>(record + abi.EVENT_ASN, load<u32>(abi.REQUEST_ASN));
  store<u32>(record + abi.EVENT_COLO, load<u32>(abi.REQUEST_COLO));
  memory.fill(record + abi.EVENT_LATENCY_MS, 0, 24); // latency, bytes in, bytes out
  // The verdict names the tightest limit for the answer's headers; the event names one only where it refused.
  store<i32>(record + abi.EVENT_LIMIT, reason == abi.REASON_RATE_LIMITED || reason == abi.REASON_BLOCKED ? load<i32>(abi.VERDICT_LIMIT) : -1);
  fillTexts(record);
}

function fillTexts(record: usize): void {
  const address = clamp(load<i32>(abi.REQUEST_ADDRESS_LENGTH), abi.MAX_ADDRESS);
  store<u8>(record + abi.EVENT_ADDRESS_LENGTH, address);
  memory.copy(record + abi.EVENT_ADDRESS, abi.ADDRESS, address);
  const principalAt = load<usize>(abi.VERDICT_PRINCIPAL);
  const principal = cut(principalAt, load<i32>(abi.VERDICT_PRINCIPAL_LENGTH), abi.EVENT_PRINCIPAL_SIZE);
  store<u8>(record + abi.EVENT_PRINCIPAL_LENGTH, principal);
  memory.copy(record + abi.EVENT_PRINCIPAL, principalAt, principal);
  const path = cut(abi.PATH, load<i32>(abi.VERDICT_PATH_LENGTH), abi.EVENT_PATH_SIZE);
  store<u16>(record + abi.EVENT_PATH_LENGTH, path);
  memory.copy(record + abi.EVENT_PATH, abi.PATH, path);
}

function clamp(length: i32, most: i32): i32 {
  return max(0, min(length, most));
}

/** At most `most` bytes, without the first half of a UTF-8 character at the end. */
export function cut(text: usize, length: i32, most: i32): i32 {
  if (length <= most) return max(length, 0);
  while (most > 0 && (load<u8>(text + most) & 0xc0) == 0x80) most--;
  return most;
}

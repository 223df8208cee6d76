// The limits of one request: all are checked, then all are charged, or none is. A limit in shadow mode refuses nobody: what it
// would refuse passes, and charges it nothing, so that it counts as it will once it is enforced.
import * as abi from "../abi";
import { exempt } from "./exemptions";
import { gcra_take, gcraArrival, gcraCharge, gcraClock, gcraFind } from "./gcra";
import { authenticators, limits, operations, refAt } from "./image";
import { addressKey, limitKey } from "./limit-key";
import { blockLimit, penaltyWait, refusalNote } from "./penalties";

// What was found for each limit while checking, MAX_REQUEST_LIMITS times
const FACT_LIMIT: usize = 0; // u32 index
const FACT_CELL: usize = 4; // u32 address or 0
const FACT_KEY: usize = 8; // u64
const FACT_ARRIVAL: usize = 16; // u64 TAT before the charge, no earlier than now
const FACT_SIZE: usize = 24;
const facts: usize = memory.data(192, 8); // MAX_REQUEST_LIMITS × FACT_SIZE

/** The limit in shadow mode that would have refused the last request for the longest time, -1 = none. Set by limitsTake. */
export let shadowLimit: i32 = -1;
let shadowWaitMs: i32 = 0;
let shadowResetMs: i32 = 0;

@inline
function limitAt(index: i32): usize {
  return limits + <usize>index * abi.LIMIT_SIZE;
}

/**
 * Holds the request to its operation's limits and writes VERDICT_LIMIT to VERDICT_RESET_MS: of the limit that refused for the
 * longest time, else of the one that would have in shadow mode, else of the one with least left.
 *
 * @param addressOnly a caller that has not been authenticated is held to limits by address alone
 * @returns false = refused, and nothing was charged
 */
export function limitsTake(table: usize, operation: i32, nowUs: u64, addressOnly: bool): bool {
  const record = operations + <usize>operation * abi.OPERATION_SIZE;
  const count = load<i32>(record + abi.OPERATION_LIMITS_COUNT);
  shadowLimit = -1;
  if (count == 0) return true;
  const cost = <f64>load<u32>(record + abi.OPERATION_COST);
  const now = gcraClock(table, nowUs);
  const first = load<i32>(record + abi.OPERATION_LIMITS_FIRST);
  const blockedMs = penaltyWait(first, count, operation, addressOnly, <f64>now / 1000);
  if (blockedMs > 0) {
    writeState(blockLimit, 0, blockedMs, blockedMs);
    return false;
  }
  let end = facts;
  let admitted = true;
  for (let i = 0; i < count; i++) {
    const limit = refAt(first + i);
    if ((addressOnly && (load<u32>(limitAt(limit) + abi.LIMIT_FLAGS) & abi.LIMIT_BY_ADDRESS) == 0) || isListed(limit, end)) continue;
    const waitUs = check(table, end, limit, operation, cost, now);
    if (waitUs > 0 && exempt(load<u64>(limitAt(limit) + abi.LIMIT_NAME_HASH), <f64>nowUs / 1000)) continue;
    if (waitUs > 0 && (load<u32>(limitAt(limit) + abi.LIMIT_FLAGS) & abi.LIMIT_SHADOW) != 0) {
      shadow(limit, end, waitUs, now);
      continue;
    }
    if (waitUs > 0) {
      admitted = false;
      refuse(limit, end, waitUs, now);
    }
    end += FACT_SIZE;
  }
  if (!admitted) return false;
  for (let fact = facts; fact < end; fact += FACT_SIZE) charge(table, fact, cost, now);
  if (shadowLimit >= 0) writeState(shadowLimit, 0, shadowWaitMs, shadowResetMs);
  return true;
}

/**
 * Charges the verification that the verdict record asks for to the client's address, before any work is done for it: junk
 * costs whoever sends it. Writes VERDICT_RETRY_MS where it is refused.
 */
export function verificationTake(table: usize, nowUs: u64): bool {
  const record = authenticators + load<usize>(abi.VERIFY_AUTHENTICATOR) * abi.AUTH_SIZE;
  const key = addressKey(load<u64>(record + abi.AUTH_VERIFY_SALT));
  const interval = load<f64>(record + abi.AUTH_VERIFY_INTERVAL_US);
  const tolerance = load<f64>(record + abi.AUTH_VERIFY_TOLERANCE_US);
  const waitUs = gcra_take(<i32>table, <i32>key, <i32>(key >> 32), interval, tolerance, 0, <f64>nowUs);
  store<i32>(abi.VERDICT_RETRY_MS, milliseconds(waitUs));
  return waitUs == 0;
}

/** A limit that both the service and the operation name is one limit. */
@inline
function isListed(limit: i32, end: usize): bool {
  for (let fact = facts; fact < end; fact += FACT_SIZE) if (load<i32>(fact + FACT_LIMIT) == limit) return true;
  return false;
}

/** Notes what the limit says of the request. µs until it would be admitted, 0 or less = now. */
function check(table: usize, fact: usize, limit: i32, operation: i32, cost: f64, now: u64): f64 {
  const record = limitAt(limit);
  const key = limitKey(record, operation);
  const cell = gcraFind(table, key);
  const arrival = gcraArrival(table, cell, key, load<i32>(record + abi.LIMIT_FLAGS), now);
  store<u32>(fact + FACT_LIMIT, limit);
  store<u32>(fact + FACT_CELL, cell);
  store<u64>(fact + FACT_KEY, key);
  store<u64>(fact + FACT_ARRIVAL, arrival);
  const more = load<f64>(record + abi.LIMIT_INTERVAL_US) * (cost - 1);
  return <f64>(arrival - now) + more - load<f64>(record + abi.LIMIT_TOLERANCE_US);
}

function refuse(limit: i32, fact: usize, waitUs: f64, now: u64): void {
  if ((load<u32>(limitAt(limit) + abi.LIMIT_FLAGS) & abi.LIMIT_PENALTY) != 0) refusalNote(limit, load<u64>(fact + FACT_KEY));
  const waitMs = milliseconds(waitUs);
  if (waitMs > load<i32>(abi.VERDICT_RETRY_MS)) writeState(limit, 0, waitMs, milliseconds(<f64>(load<u64>(fact + FACT_ARRIVAL) - now)));
}

function shadow(limit: i32, fact: usize, waitUs: f64, now: u64): void {
  const waitMs = milliseconds(waitUs);
  if (shadowLimit >= 0 && waitMs <= shadowWaitMs) return;
  shadowLimit = limit;
  shadowWaitMs = waitMs;
  shadowResetMs = milliseconds(<f64>(load<u64>(fact + FACT_ARRIVAL) - now));
}

@inline
function charge(table: usize, fact: usize, cost: f64, now: u64): void {
  const limit = load<i32>(fact + FACT_LIMIT);
  const record = limitAt(limit);
  const interval = load<f64>(record + abi.LIMIT_INTERVAL_US);
  const arrival = load<u64>(fact + FACT_ARRIVAL) + <u64>(interval * cost);
  gcraCharge(table, load<u32>(fact + FACT_CELL), load<u64>(fact + FACT_KEY), arrival, load<i32>(record + abi.LIMIT_FLAGS), now);
  const ahead = <f64>(arrival - now);
  // Requests that would be admitted at this moment. Exact: the parts are whole numbers below 2^53.
  const left = <i32>min(floor((load<f64>(record + abi.LIMIT_TOLERANCE_US) + interval - ahead) / interval), <f64>i32.MAX_VALUE);
  if (load<i32>(abi.VERDICT_LIMIT) < 0 || left < load<i32>(abi.VERDICT_REMAINING)) writeState(limit, left, 0, milliseconds(ahead));
}

function writeState(limit: i32, remaining: i32, retryMs: i32, resetMs: i32): void {
  store<i32>(abi.VERDICT_LIMIT, limit);
  store<i32>(abi.VERDICT_REMAINING, remaining);
  store<i32>(abi.VERDICT_RETRY_MS, retryMs);
  store<i32>(abi.VERDICT_RESET_MS, resetMs);
}

/** Rounded up, so that a caller who waits as long as told is admitted. */
@inline
function milliseconds(us: f64): i32 {
  return <i32>min(ceil(us / 1000), <f64>i32.MAX_VALUE);
}

// Who called since the last report, and with which operations: exact for each caller that is listed, and a count of the requests
// of those for whom there was no room. A caller is the whole of its name under its authenticator, so no two are ever one.
import * as abi from "../abi";
import { callerAddress, credentialNote } from "./caller-facts";
import { addressDigest, principalDigest } from "./limit-key";
import { bytesEqual, textCopy } from "./text";

let callers: i32 = 0;
let pairs: i32 = 0;
let unlisted: i32 = 0;
let placesUnlisted: i32 = 0;

/** Callers listed at CALLERS since the last clear. */
export function callers_count(): i32 {
  return callers;
}

/** Pairs of caller and operation listed at CALLER_PAIRS since the last clear. */
export function caller_pairs_count(): i32 {
  return pairs;
}

/** Requests of authenticated callers that are in no pair, since the boot. */
export function callers_unlisted(): i32 {
  return unlisted;
}

/** Requests that came from a place for which their caller's record had no room, since the boot. */
export function places_unlisted(): i32 {
  return placesUnlisted;
}

/** Starts a new report. */
export function callers_clear(): void {
  if (callers == 0) return;
  memory.fill(abi.CALLER_INDEX, 0, abi.CALLER_BUCKETS * 4);
  memory.fill(abi.PAIR_INDEX, 0, abi.PAIR_BUCKETS * 4);
  callers = 0;
  pairs = 0;
}

/** Counts the request of the authenticated caller in the verdict record. */
export function callerCount(operation: i32, refused: bool, nowMs: f64): void {
  const record = callerRecord(nowMs);
  const pair: usize = record == 0 ? 0 : pairRecord(record, operation);
  if (record != 0) {
    store<f64>(record, max(nowMs, load<f64>(record, abi.CALLER_LAST_MS)), abi.CALLER_LAST_MS);
    credentialNote(record);
    addressNote(record);
    placeNote(record);
  }
  if (pair == 0) unlisted++;
  else {
    const count = pair + (refused ? abi.PAIR_REFUSED : abi.PAIR_ALLOWED);
    store<u32>(count, load<u32>(count) + 1);
  }
}

/** The caller's record, a new one where there is none yet; 0 = no room, or a name that is too long. */
@inline
function callerRecord(nowMs: f64): usize {
  const length = load<i32>(abi.VERDICT_PRINCIPAL_LENGTH);
  if (<u32>length > <u32>abi.MAX_CALLER_PRINCIPAL) return 0;
  const authenticator = load<i32>(abi.VERDICT_AUTHENTICATOR);
  // Keyed, so that nobody can choose names that crowd the table.
  const hash = principalDigest() + <u64>authenticator * 0x9e3779b97f4a7c15;
  let bucket = <u32>hash & (abi.CALLER_BUCKETS - 1);
  while (true) {
    const slot = load<i32>(<usize>abi.CALLER_INDEX + (<usize>bucket << 2));
    if (slot == 0) return callers < abi.MAX_CALLERS ? insert(bucket, hash, authenticator, length, nowMs) : 0;
    const record = recordAt(slot - 1);
    if (load<u64>(record, abi.CALLER_HASH) == hash && isCaller(record, authenticator, length)) return record;
    bucket = (bucket + 1) & (abi.CALLER_BUCKETS - 1);
  }
}

@inline
function recordAt(slot: i32): usize {
  return <usize>abi.CALLERS + <usize>slot * abi.CALLER_SIZE;
}

@inline
function isCaller(record: usize, authenticator: i32, length: i32): bool {
  return load<i32>(record, abi.CALLER_AUTHENTICATOR) == authenticator
    && <i32>load<u16>(record, abi.CALLER_PRINCIPAL_LENGTH) == length
    && bytesEqual(record + abi.CALLER_PRINCIPAL, load<usize>(abi.VERDICT_PRINCIPAL), length);
}

function insert(bucket: u32, hash: u64, authenticator: i32, length: i32, nowMs: f64): usize {
  const record = recordAt(callers++);
  store<u32>(<usize>abi.CALLER_INDEX + (<usize>bucket << 2), callers);
  for (let at = record; at < record + abi.CALLER_CLEARED; at += 16) v128.store(at, i64x2.splat(0));
  store<u64>(record, hash, abi.CALLER_HASH);
  store<i32>(record, authenticator, abi.CALLER_AUTHENTICATOR);
  store<f64>(record, nowMs, abi.CALLER_FIRST_MS);
  store<f64>(record, NaN, abi.CALLER_EXPIRES_MS); // equals no credential's
  store<f64>(record, NaN, abi.CALLER_LIFETIME_MS);
  store<u16>(record, length, abi.CALLER_PRINCIPAL_LENGTH);
  textCopy(record + abi.CALLER_PRINCIPAL, load<usize>(abi.VERDICT_PRINCIPAL), length);
  return record;
}

/** The counts of the caller and the operation; 0 = no room. */
@inline
function pairRecord(record: usize, operation: i32): usize {
  const last = <i32>load<u16>(record, abi.CALLER_LAST_PAIR);
  if (last != 0 && <i32>load<u16>(record, abi.CALLER_LAST_OPERATION) == operation) return pairAt(last - 1);
  const slot = pairSlot(record, operation);
  if (slot == 0) return 0;
  store<u16>(record, operation, abi.CALLER_LAST_OPERATION);
  store<u16>(record, slot, abi.CALLER_LAST_PAIR);
  return pairAt(slot - 1);
}

/** Position + 1 of the pair, a new one where there is none yet. */
function pairSlot(record: usize, operation: i32): i32 {
  const key = (<u32>(record - abi.CALLERS) / abi.CALLER_SIZE) * abi.MAX_OPERATIONS + operation;
  let bucket = (load<u32>(record, abi.CALLER_HASH + 4) + <u32>operation * 0x9e3779b1) >>> (32 - abi.PAIR_BUCKET_BITS);
  while (true) {
    const index = <usize>abi.PAIR_INDEX + (<usize>bucket << 2);
    const slot = load<i32>(index);
    if (slot == 0) {
      if (pairs == abi.MAX_CALLER_PAIRS) return 0;
      const pair = pairAt(pairs++);
      store<i32>(index, pairs);
      v128.store(pair, i64x2.splat(0));
      store<u32>(pair, key, abi.PAIR_KEY);
      return pairs;
    }
    if (load<u32>(pairAt(slot - 1), abi.PAIR_KEY) == key) return slot;
    bucket = (bucket + 1) & (abi.PAIR_BUCKETS - 1);
  }
}

@inline
function pairAt(slot: i32): usize {
  return <usize>abi.CALLER_PAIRS + <usize>slot * abi.PAIR_SIZE;
}

/** Sets the bit of the address, an IPv6 one's by its /64: linear counting (Whang, Vander-Zanden, Taylor, TODS 1990). */
@inline
function addressNote(record: usize): void {
  const length = max(0, min(load<i32>(abi.REQUEST_ADDRESS_LENGTH), abi.MAX_ADDRESS));
  const last = callerAddress(record);
  // Nearly always the one that it came from before: then there is nothing to parse.
  if (<i32>load<u8>(record, abi.CALLER_ADDRESS_LENGTH) == length && bytesEqual(last, abi.ADDRESS, length)) return;
  store<u8>(record, length, abi.CALLER_ADDRESS_LENGTH);
  textCopy(last, abi.ADDRESS, length);
  if (length == 0) return;
  store<u64>(record, load<u64>(record, abi.CALLER_ADDRESSES) | (<u64>1 << (addressDigest() & 63)), abi.CALLER_ADDRESSES);
}

/** Country and network, unless neither is known. */
@inline
function placeNote(record: usize): void {
  const place = <u64>load<u32>(abi.REQUEST_ASN) | (<u64>load<u16>(abi.REQUEST_COUNTRY) << 32);
  if (place == 0) return;
  const count = <usize>load<u8>(record, abi.CALLER_PLACE_COUNT);
  for (let i: usize = 0; i < count; i++) if (load<u64>(record + abi.CALLER_PLACES + (i << 3)) == place) return;
  if (count == abi.MAX_CALLER_PLACES) {
    placesUnlisted++;
    return;
  }
  store<u64>(record + abi.CALLER_PLACES + (count << 3), place);
  store<u8>(record, count + 1, abi.CALLER_PLACE_COUNT);
}

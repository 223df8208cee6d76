// Proofs that were used, so that none is taken twice in this isolate, whatever its clock does and however policies change.
//
// An entry, 16 bytes: u64 u32 of a keyed hash of key and jti · u32 iat, 0 = never used. A bucket is eight entries; a proof may
// stand in either of two. An entry holds until the longest window of the policy in force has passed since its iat; nothing that
// still holds gives way: a proof for which there is no room is refused, and counted. Entries that no longer hold are
// overwritten, and the latest iat of those is kept: whatever is as old may have been used, so it is refused. By a clock that
// moves on nobody can notice, because such a proof is too old; it is what a clock set back, or a policy with a longer window,
// would otherwise bring back.
import * as abi from "../abi";
import { authenticatorCount, authenticators, imageGeneration } from "./image";
import { PROOF_TEXT } from "./scratch";
import { hashHigh, hashLow } from "./siphash-128";

const ENTRY: usize = abi.USED_PROOF_SIZE;
const BUCKET: usize = 8 * ENTRY;
const BUCKETS_LESS_ONE: u64 = abi.USED_PROOF_ENTRIES / 8 - 1;
const ISSUED_S: usize = 12;

/** What a proof is known by: its key's thumbprint, then its jti. The caller hashes it. */
export const usedKey: usize = PROOF_TEXT;

let windowOf: i32 = 0; // image generation
let windowS: f64 = 0;
let forgottenS: f64 = 0;
let unkept: i32 = 0;

let first: usize = 0;
let second: usize = 0;
let low: u64 = 0;
let high: u32 = 0;

/**
 * Was the proof of the last siphash128 used, or may it have been?
 *
 * @param issuedS its iat, which must be within its authenticator's window
 */
export function proofIsUsed(issuedS: f64, nowMs: f64): bool {
  low = hashLow;
  high = <u32>hashHigh;
  first = bucketAt(low);
  second = bucketAt(hashHigh >> 32);
  if (imageGeneration != windowOf) windowRead();
  // 32 bits of seconds end in 2106.
  return !(issuedS >= 1 && issuedS < 4294967295) || Math.floor(issuedS) <= forgottenS || isIn(first, nowMs) || isIn(second, nowMs);
}

/** Remembers the proof of the last proofIsUsed, which was not; false when there is no room. */
export function proofUse(issuedS: f64, nowMs: f64): bool {
  const inFirst = freeIn(first, nowMs);
  const inSecond = freeIn(second, nowMs);
  if (inFirst + inSecond == 0) {
    unkept++;
    return false;
  }
  const bucket = inSecond > inFirst ? second : first;
  let entry = bucket;
  while (holds(entry, nowMs)) entry += ENTRY;
  forgottenS = max(forgottenS, <f64>load<u32>(entry, ISSUED_S));
  store<u64>(entry, low);
  store<u32>(entry, high, 8);
  store<u32>(entry, <u32>Math.floor(issuedS), ISSUED_S);
  return true;
}

/** Proofs that were refused because there was no room to remember them, since the boot. */
export function proofs_unkept(): i32 {
  return unkept;
}

@inline
function bucketAt(hash: u64): usize {
  return <usize>abi.USED_PROOFS + <usize>(hash & BUCKETS_LESS_ONE) * BUCKET;
}

/** The longest time after its iat at which any authenticator may still take a proof. */
function windowRead(): void {
  windowOf = imageGeneration;
  windowS = 0;
  for (let i = 0; i < authenticatorCount; i++) {
    const record = authenticators + <usize>i * abi.AUTH_SIZE;
    if ((load<u32>(record, abi.AUTH_FLAGS) & abi.AUTH_DPOP) == 0) continue;
    windowS = max(windowS, <f64>load<u32>(record, abi.AUTH_PROOF_AGE_S) + <f64>load<u32>(record, abi.AUTH_TOLERANCE_S));
  }
}

/** A second more, because the fraction of an iat is not kept. */
@inline
function holds(entry: usize, nowMs: f64): bool {
  return load<u32>(entry, ISSUED_S) != 0 && <f64>load<u32>(entry, ISSUED_S) + windowS + 1 > Math.floor(nowMs / 1000);
}

function isIn(bucket: usize, nowMs: f64): bool {
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) {
    if (load<u64>(entry) == low && load<u32>(entry, 8) == high && holds(entry, nowMs)) return true;
  }
  return false;
}

function freeIn(bucket: usize, nowMs: f64): i32 {
  let free = 0;
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) free += <i32>!holds(entry, nowMs);
  return free;
}

// Tokens whose signature somebody has verified. The key is a hash of the whole token under a secret of this isolate, so one
// flipped bit is another token, and nobody outside can make two meet (128 bits; Aumasson and Bernstein, INDOCRYPT 2012).
// An entry vouches for the signature alone: what the token claims is read and judged anew with every request.
//
// An entry, 64 bytes, one cache line:
//   0  u64 u64 hash
//  16  u32 image generation, u32 authenticator: a new policy may have other keys, so it starts with nothing remembered
//  24  f64 the first ms at which it no longer holds, 0 = never used
//  32  f64 verified at, ms
//  40  u32 used since the clock's hand passed, u32 the bucket's hand (in its first entry)
// A bucket is four entries; a victim is the first that is past its time, else CLOCK's (Corbató, 1968).
//
// Refused tokens stand apart, in a table of their own that is overwritten at will, so that junk evicts no good entry:
//   0  u64 u64 hash · 16 u32 generation, u16 authenticator, u16 REASON_* · 24 f64 the last ms at which it holds
import * as abi from "../abi";
import { imageGeneration } from "./image";
import { hashHigh, hashLow, siphash128 } from "./siphash-128";

const ENTRY: usize = abi.TOKEN_ENTRY_SIZE;
const WAYS: usize = 4;
const BUCKET: usize = WAYS * ENTRY;
const GENERATION: usize = 16;
const AUTHENTICATOR: usize = 20;
const UNTIL_MS: usize = 24;
const VERIFIED_MS: usize = 32;
const USED: usize = 40;
const HAND: usize = 44;
const REASON: usize = 22; // of a refused token

/** A remembered signature is verified anew after so long: by then a key that its issuer withdrew is gone from the key set. */
const MAX_TRUST_MS: f64 = 300000;
/** A token that was refused is refused without verification for so long. */
const REFUSED_MS: f64 = 5000;

let secretLow: u64 = 0;
let secretHigh: u64 = 0;
let hits: i32 = 0;
let evictions: i32 = 0;

/** @param secret 16 bytes that nobody outside this isolate knows */
export function tokenCacheBoot(secret: usize): void {
  secretLow = load<u64>(secret);
  secretHigh = load<u64>(secret, 8);
}

@inline
function bucketOf(hash: u64): usize {
  return <usize>abi.TOKENS + <usize>(<u32>hash & (abi.TOKEN_ENTRIES / 4 - 1)) * BUCKET;
}

@inline
function refusedOf(hash: u64): usize {
  return <usize>abi.REFUSED_TOKENS + <usize>(<u32>hash & (abi.REFUSED_ENTRIES - 1)) * <usize>abi.REFUSED_ENTRY_SIZE;
}

/** Is `entry`, of either table, about the token that was hashed last, under the image in force? */
@inline
function isHashed(entry: usize): bool {
  return load<u64>(entry) == hashLow && load<u64>(entry, 8) == hashHigh && load<i32>(entry, GENERATION) == imageGeneration;
}

/**
 * What is known of the token's signature under the authenticator's keys.
 *
 * @returns REASON_NONE = good; VERIFICATION_NEEDED = not known; else why it was refused
 */
export function tokenRecall(token: usize, length: i32, authenticator: i32, nowMs: f64): i32 {
  siphash128(secretLow, secretHigh, token, length);
  const bucket = bucketOf(hashLow);
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) {
    if (!isHashed(entry) || load<i32>(entry, AUTHENTICATOR) != authenticator) continue;
    // A clock set back must not prolong what was verified in its future.
    if (nowMs >= load<f64>(entry, UNTIL_MS) || nowMs < load<f64>(entry, VERIFIED_MS)) break;
    // The decision that follows the verification is no use of it yet: a token that never returns protects nothing.
    if (nowMs > load<f64>(entry, VERIFIED_MS)) store<u32>(entry, 1, USED);
    hits++;
    return abi.REASON_NONE;
  }
  const refused = refusedOf(hashLow);
  const isFresh = nowMs <= load<f64>(refused, UNTIL_MS) && nowMs >= load<f64>(refused, UNTIL_MS) - REFUSED_MS;
  if (!isHashed(refused) || <i32>load<u16>(refused, AUTHENTICATOR) != authenticator || !isFresh) return abi.VERIFICATION_NEEDED;
  return <i32>load<u16>(refused, REASON);
}

/** Remembers that the token of the last tokenRecall has a good signature, until `expiresMs`, but no longer than MAX_TRUST_MS. */
export function tokenTrust(authenticator: i32, expiresMs: f64, nowMs: f64): void {
  const entry = placeFor(bucketOf(hashLow), authenticator, nowMs);
  store<u64>(entry, hashLow);
  store<u64>(entry, hashHigh, 8);
  store<i32>(entry, imageGeneration, GENERATION);
  store<i32>(entry, authenticator, AUTHENTICATOR);
  store<f64>(entry, min(expiresMs, nowMs + MAX_TRUST_MS), UNTIL_MS);
  store<f64>(entry, nowMs, VERIFIED_MS);
  store<u32>(entry, 0, USED);
}

/** Its own entry where it has one; else one that is of no use any more; else the clock's victim. */
function placeFor(bucket: usize, authenticator: i32, nowMs: f64): usize {
  let free: usize = 0;
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) {
    if (isHashed(entry) && load<i32>(entry, AUTHENTICATOR) == authenticator) return entry;
    if (load<f64>(entry, UNTIL_MS) <= nowMs || load<i32>(entry, GENERATION) != imageGeneration) free = entry;
  }
  if (free != 0) return free;
  evictions++;
  let hand = <usize>load<u32>(bucket, HAND);
  let victim = bucket + hand * ENTRY;
  while (load<u32>(victim, USED) != 0) { // ends: at the latest when it has been all around
    store<u32>(victim, 0, USED);
    hand = (hand + 1) & (WAYS - 1);
    victim = bucket + hand * ENTRY;
  }
  store<u32>(bucket, <u32>((hand + 1) & (WAYS - 1)), HAND);
  return victim;
}

/**
 * Remembers for seconds that the token of the last tokenRecall was refused.
 *
 * @param reason where a key is missing, or cannot be had, only until the clock moves: it may be there soon
 */
export function tokenDistrust(authenticator: i32, reason: i32, nowMs: f64): void {
  const entry = refusedOf(hashLow);
  store<u64>(entry, hashLow);
  store<u64>(entry, hashHigh, 8);
  store<i32>(entry, imageGeneration, GENERATION);
  store<u16>(entry, <u16>authenticator, AUTHENTICATOR);
  store<u16>(entry, <u16>reason, REASON);
  store<f64>(entry, isPassing(reason) ? nowMs : nowMs + REFUSED_MS, UNTIL_MS);
}

@inline
function isPassing(reason: i32): bool {
  return reason == abi.REASON_KEY_UNKNOWN || reason == abi.REASON_KEYS_UNAVAILABLE;
}

/** Requests whose signature was remembered, since the boot. */
export function token_hits(): i32 {
  return hits;
}

/** Entries that gave way while they still held, since the boot. */
export function token_evictions(): i32 {
  return evictions;
}

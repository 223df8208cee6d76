// Tables of tokens: token-cache.ts keeps whose signature is good, token-facts.ts what was judged of them. The key is a hash of
// the whole token under a secret of this isolate, so one flipped bit is another token, and nobody outside can make two meet
// (128 bits; Aumasson and Bernstein, INDOCRYPT 2012).
//
// Every entry begins so, whatever its size:
//   0  u64 u64 hash
//  16  u32 image generation, u32 authenticator: a new policy may have other keys, so it starts with nothing remembered
//  24  f64 the first ms at which it no longer holds, 0 = never used
//  32  f64 written at, ms: a clock set back must not prolong what was verified in its future
//  40  u32 used since the clock's hand passed, u32 the bucket's hand (in its first entry)
// A bucket is four entries; a victim is the first that is past its time, else CLOCK's (Corbató, 1968).
import { imageGeneration } from "./image";
import { hashHigh, hashLow, siphash128 } from "./siphash-128";

export const WAYS: usize = 4;
export const ENTRY_END: usize = 48;
const GENERATION: usize = 16;
const AUTHENTICATOR: usize = 20;
const UNTIL_MS: usize = 24;
const WRITTEN_MS: usize = 32;
const USED: usize = 40;
const HAND: usize = 44;

let secretLow: u64 = 0;
let secretHigh: u64 = 0;

/** The entry that entryPlace answered last held until it was given away. */
export let placeEvicts: bool = false;

/** @param secret 16 bytes that nobody outside this isolate knows */
export function tokenTablesBoot(secret: usize): void {
  secretLow = load<u64>(secret);
  secretHigh = load<u64>(secret, 8);
}

/** Hashes a token: the functions below are about the one that was hashed last. Up to 7 bytes behind it are read. */
export function tokenHash(token: usize, length: i32): void {
  siphash128(secretLow, secretHigh, token, length);
}

/** Is `entry` about the token, under the image in force? */
@inline
export function isHashed(entry: usize): bool {
  return load<u64>(entry) == hashLow && load<u64>(entry, 8) == hashHigh && load<i32>(entry, GENERATION) == imageGeneration;
}

@inline
export function entryAuthenticator(entry: usize): i32 {
  return load<i32>(entry, AUTHENTICATOR);
}

@inline
export function entryUntilMs(entry: usize): f64 {
  return load<f64>(entry, UNTIL_MS);
}

@inline
export function entryHolds(entry: usize, nowMs: f64): bool {
  return nowMs < load<f64>(entry, UNTIL_MS) && nowMs >= load<f64>(entry, WRITTEN_MS);
}

/** The decision that follows the verification is no use of it yet: a token that never returns protects nothing. */
@inline
export function entryUse(entry: usize, nowMs: f64): void {
  if (nowMs > load<f64>(entry, WRITTEN_MS)) store<u32>(entry, 1, USED);
}

/**
 * Where the token's entry goes: its own where it has one; else one that is of no use any more; else the clock's victim.
 *
 * @param bucket WAYS entries of `size` bytes
 */
export function entryPlace(bucket: usize, size: usize, authenticator: i32, nowMs: f64): usize {
  let free: usize = 0;
  placeEvicts = false;
  for (let entry = bucket; entry < bucket + WAYS * size; entry += size) {
    if (isHashed(entry) && load<i32>(entry, AUTHENTICATOR) == authenticator) return entry;
    if (load<f64>(entry, UNTIL_MS) <= nowMs || load<i32>(entry, GENERATION) != imageGeneration) free = entry;
  }
  if (free != 0) return free;
  placeEvicts = true;
  let hand = <usize>load<u32>(bucket, HAND);
  let victim = bucket + hand * size;
  while (load<u32>(victim, USED) != 0) { // ends: at the latest when it has been all around
    store<u32>(victim, 0, USED);
    hand = (hand + 1) & (WAYS - 1);
    victim = bucket + hand * size;
  }
  store<u32>(bucket, <u32>((hand + 1) & (WAYS - 1)), HAND);
  return victim;
}

/** Makes `entry` the token's. */
export function entryWrite(entry: usize, authenticator: i32, untilMs: f64, nowMs: f64): void {
  store<u64>(entry, hashLow);
  store<u64>(entry, hashHigh, 8);
  store<i32>(entry, imageGeneration, GENERATION);
  store<i32>(entry, authenticator, AUTHENTICATOR);
  store<f64>(entry, untilMs, UNTIL_MS);
  store<f64>(entry, nowMs, WRITTEN_MS);
  store<u32>(entry, 0, USED);
}

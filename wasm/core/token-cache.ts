// Tokens whose signature the host has verified. An entry (token-table.ts) vouches for the signature alone: what the token
// claims is judged by whoever asks. 64 bytes, one cache line.
//
// Refused tokens stand apart, in a table of their own that is overwritten at will, so that junk evicts no good entry:
//   0  u64 u64 hash · 16 u32 generation, u16 authenticator, u16 REASON_* · 24 f64 the last ms at which it holds
import * as abi from "../abi";
import { imageGeneration } from "./image";
import { hashHigh, hashLow } from "./siphash-128";
import {
  entryAuthenticator, entryHolds, entryPlace, entryUntilMs, entryUse, entryWrite, isHashed, placeEvicts, tokenHash, WAYS,
} from "./token-table";

const ENTRY: usize = abi.TOKEN_ENTRY_SIZE;
const BUCKET: usize = WAYS * ENTRY;
// Of a refused token
const GENERATION: usize = 16;
const AUTHENTICATOR: usize = 20;
const REASON: usize = 22;
const UNTIL_MS: usize = 24;

/** A remembered signature is verified anew after so long: by then a key that its issuer withdrew is gone from the key set. */
export const MAX_TRUST_MS: f64 = 300000;
/** A token that was refused is refused without verification for so long. */
const REFUSED_MS: f64 = 5000;

let hits: i32 = 0;
let evictions: i32 = 0;

/** The first ms at which the signature that tokenRecall found good is to be verified anew. */
export let signatureUntilMs: f64 = Infinity;

/** Before a token is judged: a signature that needs no recalling holds as long as the policy. */
export function signatureReset(): void {
  signatureUntilMs = Infinity;
}

@inline
function bucketOf(hash: u64): usize {
  return <usize>abi.TOKENS + <usize>(<u32>hash & (abi.TOKEN_ENTRIES / 4 - 1)) * BUCKET;
}

@inline
function refusedOf(hash: u64): usize {
  return <usize>abi.REFUSED_TOKENS + <usize>(<u32>hash & (abi.REFUSED_ENTRIES - 1)) * <usize>abi.REFUSED_ENTRY_SIZE;
}

/**
 * What is known of the token's signature under the authenticator's keys.
 *
 * @returns REASON_NONE = good; VERIFICATION_NEEDED = not known; else why it was refused
 */
export function tokenRecall(token: usize, length: i32, authenticator: i32, nowMs: f64): i32 {
  tokenHash(token, length);
  const bucket = bucketOf(hashLow);
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) {
    if (!isHashed(entry) || entryAuthenticator(entry) != authenticator) continue;
    if (!entryHolds(entry, nowMs)) break;
    entryUse(entry, nowMs);
    signatureUntilMs = entryUntilMs(entry);
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
  const entry = entryPlace(bucketOf(hashLow), ENTRY, authenticator, nowMs);
  if (placeEvicts) evictions++;
  entryWrite(entry, authenticator, min(expiresMs, nowMs + MAX_TRUST_MS), nowMs);
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

/** Requests whose signature was remembered while its claims were judged anew, since the boot. */
export function token_hits(): i32 {
  return hits;
}

/** Entries that gave way while they still held, since the boot. */
export function token_evictions(): i32 {
  return evictions;
}

// What was judged of a token, for its next requests. As long as the policy is the same, the token says the same, so all that a
// decision needs of it is kept, and decoding, reading and judging it again would change nothing but the time that it takes.
// Facts hold from the instant at which they were judged until the first at which signature or dates might be judged
// otherwise; outside of that the token itself is asked. Whatever else can change (revocations, grants, limits) is no fact.
//
// An entry begins as all do (token-table.ts); then:
//  48  f64 issued, ms, NaN = unknown
//  56  f64 exp, ms, Infinity = none
//  64  u32 roles
//  68  i16 lengths: of principal, scopes, token id, key id, MAX_CUSTOM_CLAIMS claims, firmware; -1 = the token has none
//  96  those texts, one behind the other
import * as abi from "../abi";
import {
  claimAddress, claimLength, claimSet, datesSet, expiresS, expiryMs, issuedMs, issuerSet, keyIdAddress, keyIdLength, keyIdSet, principalAddress,
  principalLength, principalSet, scopesAddress, scopesLength, scopesSet, tokenIdAddress, tokenIdLength, tokenIdSet,
} from "./claims";
import { firmwareAddress, firmwareLength, firmwareSet } from "./firmware";
import { authenticators, stringAddress, stringLength } from "./image";
import { hashLow } from "./siphash-128";
import { signatureUntilMs } from "./token-cache";
import { isSeen, markSeen } from "./token-seen";
import { entryAuthenticator, entryHolds, entryPlace, entryUse, entryWrite, isHashed, placeEvicts, tokenHash, WAYS } from "./token-table";

const ENTRY: usize = abi.FACTS_ENTRY_SIZE;
const BUCKET: usize = WAYS * ENTRY;
const ISSUED_MS: usize = 48;
const EXPIRY_MS: usize = 56;
const ROLES: usize = 64;
const PRINCIPAL: usize = 68;
const SCOPES: usize = 70;
const TOKEN_ID: usize = 72;
const KEY_ID: usize = 74;
const CLAIMS: usize = 76;
const FIRMWARE: usize = 92;
const TEXTS: usize = 96;
const MAX_TEXTS: i32 = abi.FACTS_ENTRY_SIZE - <i32>TEXTS - 8; // texts are compared in words of 8 bytes, past their ends

let token: usize = 0;
let tokenLength: i32 = 0;
let wasSeen: bool = false;
let entry: usize = 0;
let at: usize = 0;

let hits: i32 = 0;
let evictions: i32 = 0;
let unfit: i32 = 0;

@inline
function bucketOf(hash: u64): usize {
  return <usize>abi.FACTS + <usize>(<u32>hash & (abi.FACTS_ENTRIES / 4 - 1)) * BUCKET;
}

/**
 * Are there facts about the token in [start, end) at this instant? Then its issuer is set as if it had been parsed. Those of
 * `authenticator` come first; of another they are of use only if that one names an issuer, which then is the token's.
 */
export function factsRecall(start: usize, end: usize, authenticator: i32, nowMs: f64): bool {
  token = start;
  tokenLength = <i32>(end - start);
  entry = 0;
  wasSeen = isSeen(end, tokenLength);
  if (!wasSeen) return false;
  tokenHash(token, tokenLength);
  const bucket = bucketOf(hashLow);
  for (let way = bucket; way < bucket + BUCKET; way += ENTRY) {
    if (!isHashed(way) || !entryHolds(way, nowMs)) continue;
    entry = way;
    if (entryAuthenticator(way) == authenticator) break;
  }
  if (entry == 0) return false;
  const issuer = load<i32>(authenticators + <usize>entryAuthenticator(entry) * abi.AUTH_SIZE, abi.AUTH_ISSUER);
  if (issuer >= 0) issuerSet(stringAddress(issuer), stringLength(issuer));
  else if (entryAuthenticator(entry) != authenticator) entry = 0;
  return entry != 0;
}

/** Does `authenticator` claim the token that factsRecall found? `index` in the image. */
@inline
export function factsAre(authenticator: i32): bool {
  return entry != 0 && entryAuthenticator(entry) == authenticator;
}

/** Says what claimsJudge or cwtClaimsJudge said of the token that factsRecall found. Texts stand in the entry until the next token is judged. */
export function factsRead(authenticator: usize, nowMs: f64): void {
  at = entry + TEXTS;
  datesSet(load<f64>(entry, ISSUED_MS), load<f64>(entry, EXPIRY_MS));
  principalSet(at, take(PRINCIPAL));
  scopesSet(at, take(SCOPES));
  tokenIdSet(at, take(TOKEN_ID));
  keyIdSet(at, take(KEY_ID));
  const count = load<i32>(authenticator, abi.AUTH_CLAIMS_COUNT);
  for (let i = 0; i < count; i++) claimSet(i, at, take(CLAIMS + (<usize>i << 1)));
  firmwareSet(at, take(FIRMWARE));
  entryUse(entry, nowMs);
  hits++;
}

/** The length at `offset` in the entry, whose text is left behind. */
@inline
function take(offset: usize): i32 {
  const length = <i32>load<i16>(entry + offset);
  at += <usize>max(length, 0);
  return length;
}

/** Roles of the token that factsRecall found. */
@inline
export function factsRoles(): u32 {
  return load<u32>(entry, ROLES);
}

/**
 * Keeps what was judged of the token that factsRecall did not find, when it comes for the second time at least. Only what
 * depends on nothing but the token, the policy and the time may be kept.
 *
 * @param record the authenticator's, of index `authenticator`
 */
export function factsKeep(record: usize, authenticator: i32, roles: u32, nowMs: f64): void {
  const count = load<i32>(record, abi.AUTH_CLAIMS_COUNT);
  let length = principalLength + scopesLength + max(tokenIdLength, 0) + max(keyIdLength, 0) + firmwareLength;
  for (let i = 0; i < count; i++) length += max(claimLength(i), 0);
  if (length > MAX_TEXTS) {
    unfit++;
    return;
  }
  if (!wasSeen) return markSeen();
  tokenHash(token, tokenLength);
  entry = entryPlace(bucketOf(hashLow), ENTRY, authenticator, nowMs);
  if (placeEvicts) evictions++;
  // Whole seconds, as the dates are judged in: never later than the first one at which they would be judged otherwise.
  entryWrite(entry, authenticator, min(signatureUntilMs, Math.floor(expiresS) * 1000), nowMs);
  store<f64>(entry, issuedMs, ISSUED_MS);
  store<f64>(entry, expiryMs, EXPIRY_MS);
  store<u32>(entry, roles, ROLES);
  at = entry + TEXTS;
  put(PRINCIPAL, principalAddress, principalLength);
  put(SCOPES, scopesAddress, scopesLength);
  put(TOKEN_ID, tokenIdAddress, tokenIdLength);
  put(KEY_ID, keyIdAddress, keyIdLength);
  for (let i = 0; i < count; i++) put(CLAIMS + (<usize>i << 1), claimAddress(i), claimLength(i));
  put(FIRMWARE, firmwareAddress, firmwareLength);
}

function put(offset: usize, text: usize, length: i32): void {
  store<i16>(entry + offset, <i16>length);
  if (length <= 0) return;
  memory.copy(at, text, length);
  at += length;
}

/** Requests whose token was not read, because facts about it were kept, since the boot. */
export function facts_hits(): i32 {
  return hits;
}

/** Facts that gave way while they still held, since the boot. */
export function facts_evictions(): i32 {
  return evictions;
}

/** Requests whose token says more than an entry holds, since the boot. */
export function facts_unfit(): i32 {
  return unfit;
}

// The limits of one request: all are checked, then all are charged, or none is.
import * as abi from "../abi";
import { addressBytes, addressLimitPrefix, addressParse } from "./address";
import { gcra_take, gcraArrival, gcraCharge, gcraClock, gcraFind, gcraKey } from "./gcra";
import { authenticators, image, imageGeneration, limits, operations, refAt, stringAddress, stringLength } from "./image";
import { claimAddress, claimLength } from "./jwt";
import { siphash } from "./siphash";

// What was found for each limit while checking, MAX_REQUEST_LIMITS times
const FACT_LIMIT: usize = 0; // u32 index
const FACT_CELL: usize = 4; // u32 address or 0
const FACT_KEY: usize = 8; // u64
const FACT_ARRIVAL: usize = 16; // u64 TAT before the charge, no earlier than now
const FACT_SIZE: usize = 24;
const facts: usize = memory.data(192, 8); // MAX_REQUEST_LIMITS × FACT_SIZE

/** {salt, who says so, who} of a key. */
const keyWords: usize = memory.data(24, 8);

let seedLow: u64 = 0;
let seedHigh: u64 = 0;

/** The authenticator whose issuer was hashed last, and for which image. */
let issuerOf: i32 = -1;
let issuerImage: i32 = 0;
let issuerHash: u64 = 0;

/** Hashes of this request's caller, made when somebody first asks. */
let principalKnown: bool = false;
let principalHash: u64 = 0;
let addressKnown: bool = false;
let addressHash: u64 = 0;

@inline
function limitAt(index: i32): usize {
  return limits + <usize>index * abi.LIMIT_SIZE;
}

/**
 * Holds the request to its operation's limits and writes VERDICT_LIMIT to VERDICT_RESET_MS: of the limit that refused for the
 * longest time, else of the one with least left.
 *
 * @param addressOnly a caller that has not been authenticated is held to limits by address alone
 * @returns false = refused, and nothing was charged
 */
export function limitsTake(table: usize, operation: i32, nowUs: u64, addressOnly: bool): bool {
  const record = operations + <usize>operation * abi.OPERATION_SIZE;
  const count = load<i32>(record + abi.OPERATION_LIMITS_COUNT);
  if (count == 0) return true;
  const now = gcraClock(table, nowUs);
  const first = load<i32>(record + abi.OPERATION_LIMITS_FIRST);
  let end = facts;
  let admitted = true;
  for (let i = 0; i < count; i++) {
    const limit = refAt(first + i);
    if ((addressOnly && load<u32>(limitAt(limit) + abi.LIMIT_KEY) != abi.KEY_ADDRESS) || isListed(limit, end)) continue;
    admitted = check(table, end, limit, operation, now) && admitted;
    end += FACT_SIZE;
  }
  if (admitted) for (let fact = facts; fact < end; fact += FACT_SIZE) charge(table, fact, now);
  return admitted;
}

/**
 * Charges the verification that the verdict record asks for to the client's address, before any work is done for it: junk
 * costs whoever sends it. Writes VERDICT_RETRY_MS where it is refused.
 */
export function verificationTake(table: usize, nowUs: u64): bool {
  const record = authenticatorAt(load<i32>(abi.VERIFY_AUTHENTICATOR));
  store<u64>(keyWords, load<u64>(record + abi.AUTH_VERIFY_SALT));
  writeAddress();
  const key = siphash(seedLow, seedHigh, keyWords, 24);
  const interval = load<f64>(record + abi.AUTH_VERIFY_INTERVAL_US);
  const tolerance = load<f64>(record + abi.AUTH_VERIFY_TOLERANCE_US);
  const waitUs = gcra_take(<i32>table, <i32>key, <i32>(key >> 32), interval, tolerance, 0, <f64>nowUs);
  store<i32>(abi.VERDICT_RETRY_MS, milliseconds(waitUs));
  return waitUs == 0;
}

/** A new request: what was hashed for the last one is forgotten. */
export function limitsBegin(): void {
  seedLow = load<u64>(image + abi.HEADER_SEED);
  seedHigh = load<u64>(image + abi.HEADER_SEED, 8);
  principalKnown = false;
  addressKnown = false;
}

/** A limit that both the service and the operation name is one limit. */
@inline
function isListed(limit: i32, end: usize): bool {
  for (let fact = facts; fact < end; fact += FACT_SIZE) if (load<i32>(fact + FACT_LIMIT) == limit) return true;
  return false;
}

function check(table: usize, fact: usize, limit: i32, operation: i32, now: u64): bool {
  const record = limitAt(limit);
  const key = keyOf(record, operation);
  const cell = gcraFind(table, key);
  const arrival = gcraArrival(table, cell, key, load<i32>(record + abi.LIMIT_FLAGS), now);
  store<u32>(fact + FACT_LIMIT, limit);
  store<u32>(fact + FACT_CELL, cell);
  store<u64>(fact + FACT_KEY, key);
  store<u64>(fact + FACT_ARRIVAL, arrival);
  const ahead = <f64>(arrival - now);
  const waitUs = ahead - load<f64>(record + abi.LIMIT_TOLERANCE_US);
  if (waitUs <= 0) return true;
  const waitMs = milliseconds(waitUs);
  if (waitMs > load<i32>(abi.VERDICT_RETRY_MS)) writeState(limit, 0, waitMs, milliseconds(ahead));
  return false;
}

@inline
function charge(table: usize, fact: usize, now: u64): void {
  const limit = load<i32>(fact + FACT_LIMIT);
  const record = limitAt(limit);
  const interval = load<f64>(record + abi.LIMIT_INTERVAL_US);
  const arrival = load<u64>(fact + FACT_ARRIVAL) + <u64>interval;
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

/** SipHash under the deployment's seed, so that every isolate and region means the same key. */
function keyOf(limit: usize, operation: i32): u64 {
  store<u64>(keyWords, load<u64>(limit + abi.LIMIT_SALT));
  switch (load<u32>(limit + abi.LIMIT_KEY)) {
    case abi.KEY_OPERATION:
      writeSubject(abi.KEY_OPERATION, operation);
      break;
    case abi.KEY_SERVICE:
      writeSubject(abi.KEY_SERVICE, load<i32>(abi.VERDICT_SERVICE));
      break;
    case abi.KEY_CLAIM:
      writeClaim(load<i32>(limit + abi.LIMIT_CLAIM));
      break;
    case abi.KEY_ADDRESS:
      writeAddress();
      break;
    default:
      writePrincipal();
  }
  return gcraKey(siphash(seedLow, seedHigh, keyWords, 24));
}

@inline
function writeSubject(scope: u64, subject: u64): void {
  store<u64>(keyWords, scope, 8);
  store<u64>(keyWords, subject, 16);
}

/** A claim's value counts within its issuer; a caller without the claim counts by principal. */
function writeClaim(claim: i32): void {
  const authenticator = load<i32>(abi.VERDICT_AUTHENTICATOR);
  const isToken = authenticator >= 0 && load<u32>(authenticatorAt(authenticator) + abi.AUTH_TYPE) != abi.AUTH_API_KEY;
  const length = isToken ? claimLength(claim) : -1;
  if (length < 0) return writePrincipal();
  // Complemented, so that a claim's value never is the principal of the same text.
  writeSubject(~issuerScope(authenticator), siphash(seedLow, seedHigh, claimAddress(claim), length));
}

/** A subject is unique within its issuer only (RFC 7519 §4.1.2). A caller without a principal counts by address. */
function writePrincipal(): void {
  const length = load<i32>(abi.VERDICT_PRINCIPAL_LENGTH);
  if (length == 0) return writeAddress();
  writeSubject(issuerScope(load<i32>(abi.VERDICT_AUTHENTICATOR)), principalDigest());
}

/** Hash of the principal in the verdict record, whoever vouches for it. */
export function principalDigest(): u64 {
  if (!principalKnown) {
    principalHash = siphash(seedLow, seedHigh, load<usize>(abi.VERDICT_PRINCIPAL), load<i32>(abi.VERDICT_PRINCIPAL_LENGTH));
  }
  principalKnown = true;
  return principalHash;
}

function writeAddress(): void {
  writeSubject(abi.KEY_ADDRESS, addressDigest());
}

/** Hash of the client's address, an IPv6 one's /64. Text that is no address counts as it stands; callers without one count together. */
export function addressDigest(): u64 {
  if (!addressKnown) {
    const length = max(0, min(load<i32>(abi.REQUEST_ADDRESS_LENGTH), abi.MAX_ADDRESS));
    const parsed = addressParse(abi.ADDRESS, length);
    if (parsed) addressLimitPrefix();
    addressHash = parsed ? siphash(seedLow, seedHigh, addressBytes, 16) : siphash(seedLow, seedHigh, abi.ADDRESS, length);
  }
  addressKnown = true;
  return addressHash;
}

@inline
function authenticatorAt(index: i32): usize {
  return authenticators + <usize>index * abi.AUTH_SIZE;
}

/** What keeps principals of different issuers, and of tokens and API keys, apart. */
function issuerScope(authenticator: i32): u64 {
  if (authenticator == issuerOf && issuerImage == imageGeneration) return issuerHash;
  const record = authenticatorAt(authenticator);
  const issuer = load<i32>(record + abi.AUTH_ISSUER);
  const isApiKey = load<u32>(record + abi.AUTH_TYPE) == abi.AUTH_API_KEY;
  const name = issuer < 0 ? load<i32>(record + abi.AUTH_NAME) : issuer;
  issuerHash = isApiKey ? 0x100 : siphash(seedLow, seedHigh, stringAddress(name), stringLength(name));
  if (issuer < 0 && !isApiKey) issuerHash ^= 0x101; // no issuer's hash, should one be called as the authenticator is
  issuerOf = authenticator;
  issuerImage = imageGeneration;
  return issuerHash;
}

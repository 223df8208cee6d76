// What a limit counts apart: up to four parts (who, from where, what), hashed to 64 bits under the deployment's seed, so that
// every isolate and region means the same key.
import * as abi from "../abi";
import { addressBytes, addressLimitPrefix, addressNetworkPrefix, addressParse } from "./address";
import { gcraKey } from "./gcra";
import { authenticators, image, imageGeneration, operations, refAt, services, stringAddress, stringLength } from "./image";
import { claimAddress, claimLength } from "./jwt";
import { segmentAddress, segmentFind, segmentLength } from "./segment";
import { siphash } from "./siphash";

/** {salt, then of each part: in whose name, who}. */
const keyWords: usize = memory.data(8 + 4 * 16, 8); // MAX_KEY_PARTS

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

/** A new request: what was hashed for the last one is forgotten. */
export function limitKeysReset(): void {
  seedLow = load<u64>(image + abi.HEADER_SEED);
  seedHigh = load<u64>(image + abi.HEADER_SEED, 8);
  principalKnown = false;
  addressKnown = false;
}

/** The key of a limit (its record) for this request. */
export function limitKey(limit: usize, operation: i32): u64 {
  store<u64>(keyWords, load<u64>(limit + abi.LIMIT_SALT));
  const count = load<i32>(limit + abi.LIMIT_PARTS_COUNT);
  let ref = load<i32>(limit + abi.LIMIT_PARTS_FIRST);
  let at = keyWords + 8;
  for (let i = 0; i < count; i++, ref += 2, at += 16) writePart(at, refAt(ref), refAt(ref + 1), operation);
  return gcraKey(siphash(seedLow, seedHigh, keyWords, <i32>(at - keyWords)));
}

/** The key by which the client's address is held to what `salt` stands for. */
export function addressKey(salt: u64): u64 {
  store<u64>(keyWords, salt);
  writeAddress(keyWords + 8);
  return siphash(seedLow, seedHigh, keyWords, 24);
}

function writePart(at: usize, kind: i32, argument: i32, operation: i32): void {
  switch (kind) {
    case abi.KEY_ADDRESS: return writeAddress(at);
    case abi.KEY_NETWORK: return writeNetwork(at);
    case abi.KEY_ASN: return writeSubject(at, abi.KEY_ASN, load<u32>(abi.REQUEST_ASN));
    case abi.KEY_COUNTRY: return writeSubject(at, abi.KEY_COUNTRY, load<u32>(abi.REQUEST_COUNTRY));
    case abi.KEY_OPERATION:
      return writeSubject(at, abi.KEY_OPERATION, load<u64>(operations + <usize>operation * abi.OPERATION_SIZE + abi.OPERATION_KEY));
    case abi.KEY_SERVICE: return writeService(at);
    case abi.KEY_CREDENTIAL: return writeCredential(at);
    case abi.KEY_CLAIM: return writeClaim(at, argument);
    case abi.KEY_PARAMETER: return writeParameter(at, argument);
    case abi.KEY_HEADER: return writeHeader(at, argument);
    default: writePrincipal(at);
  }
}

@inline
function writeSubject(at: usize, scope: u64, subject: u64): void {
  store<u64>(at, scope);
  store<u64>(at, subject, 8);
}

function writeService(at: usize): void {
  const service = load<i32>(abi.VERDICT_SERVICE);
  const key = service < 0 ? 0 : load<u64>(services + <usize>service * abi.SERVICE_SIZE + abi.SERVICE_KEY);
  writeSubject(at, abi.KEY_SERVICE, key);
}

/** A claim's value counts within its issuer; a caller without the claim counts by principal. */
function writeClaim(at: usize, claim: i32): void {
  const authenticator = load<i32>(abi.VERDICT_AUTHENTICATOR);
  const isToken = authenticator >= 0 && load<u32>(authenticatorAt(authenticator) + abi.AUTH_TYPE) != abi.AUTH_API_KEY;
  const length = isToken ? claimLength(claim) : -1;
  if (length < 0) return writePrincipal(at);
  // Complemented, so that a claim's value never is the principal of the same text.
  writeSubject(at, ~issuerScope(authenticator), siphash(seedLow, seedHigh, claimAddress(claim), length));
}

/** The token or key as it came, so that each of a principal's credentials counts by itself. */
function writeCredential(at: usize): void {
  const slot = load<i32>(abi.VERDICT_SLOT);
  if (slot < 0) return writeAddress(at);
  const length = load<i32>(abi.REQUEST_CREDENTIAL_LENGTHS + (slot << 2));
  writeSubject(at, abi.KEY_CREDENTIAL, siphash(seedLow, seedHigh, abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE, length));
}

/** A segment of the normalized path, where equal names have equal bytes. */
function writeParameter(at: usize, segment: i32): void {
  if (segment < 0 || !segmentFind(segment)) return writePrincipal(at);
  writeSubject(at, abi.KEY_PARAMETER, siphash(seedLow, seedHigh, segmentAddress, segmentLength));
}

function writeHeader(at: usize, slot: i32): void {
  const length = load<i32>(abi.REQUEST_HEADER_LENGTHS + (slot << 2));
  if (<u32>(length - 1) >= <u32>abi.MAX_KEY_HEADER) return writePrincipal(at);
  writeSubject(at, abi.KEY_HEADER, siphash(seedLow, seedHigh, abi.HEADERS + slot * abi.MAX_KEY_HEADER, length));
}

/** A subject is unique within its issuer only (RFC 7519 §4.1.2). A caller without a principal counts by address. */
function writePrincipal(at: usize): void {
  if (load<i32>(abi.VERDICT_PRINCIPAL_LENGTH) == 0) return writeAddress(at);
  writeSubject(at, issuerScope(load<i32>(abi.VERDICT_AUTHENTICATOR)), principalDigest());
}

/** Hash of the principal in the verdict record, whoever vouches for it. */
export function principalDigest(): u64 {
  if (!principalKnown) {
    principalHash = siphash(seedLow, seedHigh, load<usize>(abi.VERDICT_PRINCIPAL), load<i32>(abi.VERDICT_PRINCIPAL_LENGTH));
  }
  principalKnown = true;
  return principalHash;
}

function writeAddress(at: usize): void {
  writeSubject(at, abi.KEY_ADDRESS, addressDigest());
}

/** Hash of the client's address, an IPv6 one's /64. */
export function addressDigest(): u64 {
  if (!addressKnown) {
    const length = addressRead();
    if (length < 0) addressLimitPrefix();
    addressHash = addressHashOf(length);
  }
  addressKnown = true;
  return addressHash;
}

function writeNetwork(at: usize): void {
  const length = addressRead();
  if (length < 0) addressNetworkPrefix();
  writeSubject(at, abi.KEY_NETWORK, addressHashOf(length));
}

/** Parses the client's address: -1 when addressBytes holds it, else the length of the text that is none. */
function addressRead(): i32 {
  const length = max(0, min(load<i32>(abi.REQUEST_ADDRESS_LENGTH), abi.MAX_ADDRESS));
  return addressParse(abi.ADDRESS, length) ? -1 : length;
}

/** Text that is no address counts as it stands; callers without one count together. */
function addressHashOf(length: i32): u64 {
  return length < 0 ? siphash(seedLow, seedHigh, addressBytes, 16) : siphash(seedLow, seedHigh, abi.ADDRESS, length);
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

// A token's claims (RFC 7519 §4.1), read from the table of members that json-object.ts made.
import * as abi from "../abi";
import { confirmationRead } from "./confirmation";
import { firmwareHear } from "./firmware";
import { isHeaderSafe, isHeaderWord } from "./header-safe";
import { refAt, stringAddress, stringLength } from "./image";
import { itemAddress, itemIsText, itemLength, nextItem } from "./json-array";
import { isInteger, numberValue } from "./json-number";
import { memberIsText, memberKeyed, memberKind, memberLength, memberNamed, memberValue } from "./json-object";
import { textTake } from "./json-string";
import { KIND_ARRAY, KIND_NUMBER } from "./json-value";
import { policyTextIs } from "./policy-text";
import { CLAIMS_MEMBERS } from "./scratch";

// Names as memberKeyed takes them: their bytes, first byte lowest.
const ISS: u64 = 0x737369;
const SUB: u64 = 0x627573;
const AUD: u64 = 0x647561;
const EXP: u64 = 0x707865;
const NBF: u64 = 0x66626e;
const IAT: u64 = 0x746169;
const JTI: u64 = 0x69746a;
const SCP: u64 = 0x706373;
const SCOPE: u64 = 0x65706f6373;

/** The issuer, length -1 when the token names none. Set by issuerRead. */
export let issuerAddress: usize = 0;
export let issuerLength: i32 = -1;

/** Who calls: `sub`; without it the issuer, whose tokens then share one principal; without both, length 0. Set by claimsJudge. */
export let principalAddress: usize = 0;
export let principalLength: i32 = 0;

/** `scope`, or without it `scp`, as a space-separated list. Set by claimsJudge. */
export let scopesAddress: usize = 0;
export let scopesLength: i32 = 0;

/** `jti`; length -1 when the token has none. Set by claimsJudge. */
export let tokenIdAddress: usize = 0;
export let tokenIdLength: i32 = -1;

/** The `kid` by which the key was chosen, length -1 = none was named; `iat`, ms, NaN = not known; `exp`, ms, Infinity = none. */
export let keyIdAddress: usize = 0;
export let keyIdLength: i32 = -1;
export let issuedMs: f64 = NaN;
export let expiryMs: f64 = Infinity;

// Claims that limits refer to: {u32 address, i32 length} by custom claim index, length -1 = absent.
const CUSTOM: usize = memory.data(64, 16);

/** Bytes of custom claim `index`: a string, or the digits of an integer. Means something while its length is not -1. */
@inline
export function claimAddress(index: i32): usize {
  return load<u32>(CUSTOM + (<usize>index << 3));
}

/** Length of custom claim `index`; -1 when the token has none, or one of another type. */
@inline
export function claimLength(index: i32): i32 {
  return load<i32>(CUSTOM + (<usize>index << 3), 4);
}

// What a CBOR Web Token says (cwt-claims.ts) goes to the same places.
export function issuerSet(address: usize, length: i32): void {
  issuerAddress = address;
  issuerLength = length;
}

export function principalSet(address: usize, length: i32): void {
  principalAddress = address;
  principalLength = length;
}

export function scopesSet(address: usize, length: i32): void {
  scopesAddress = address;
  scopesLength = length;
}

export function tokenIdSet(address: usize, length: i32): void {
  tokenIdAddress = address;
  tokenIdLength = length;
}

export function keyIdSet(address: usize, length: i32): void {
  keyIdAddress = address;
  keyIdLength = length;
}

export function datesSet(issued: f64, expiry: f64): void {
  issuedMs = issued;
  expiryMs = expiry;
}

export function claimSet(index: i32, address: usize, length: i32): void {
  store<u32>(CUSTOM + (<usize>index << 3), address);
  store<i32>(CUSTOM + (<usize>index << 3), length, 4);
}

/** Reads `iss`, by which an authenticator claims the token; false when it is malformed. */
export function issuerRead(): bool {
  issuerLength = -1;
  const issuer = memberKeyed(CLAIMS_MEMBERS, ISS, 3);
  if (issuer == 0) return true;
  if (!memberIsText(issuer)) return false;
  issuerAddress = memberValue(issuer);
  issuerLength = memberLength(issuer);
  return true;
}

/**
 * Judges the claims of a token whose signature is good, and reads who calls, with which scopes and custom claims.
 *
 * @param authenticator record in the image
 * @returns REASON_*
 */
export function claimsJudge(authenticator: usize, nowMs: f64): i32 {
  const times = timesJudge(authenticator, nowMs);
  if (times != abi.REASON_NONE) return times;
  const audience = audienceJudge(authenticator);
  if (audience != abi.REASON_NONE) return audience;
  if (!tokenIdRead() || !principalRead() || !scopesRead() || !confirmationRead(CLAIMS_MEMBERS)) return abi.REASON_CLAIMS_MALFORMED;
  customRead(authenticator);
  issuedMs = dateOf(IAT, NaN) * 1000;
  return abi.REASON_NONE;
}

function tokenIdRead(): bool {
  const member = memberKeyed(CLAIMS_MEMBERS, JTI, 3);
  tokenIdLength = -1;
  if (member == 0) return true;
  if (!memberIsText(member)) return false;
  tokenIdAddress = memberValue(member);
  tokenIdLength = memberLength(member);
  return true;
}

/**
 * A NumericDate (RFC 7519 §2), seconds; `absent` when there is none; NaN when it is malformed or no finite double.
 */
function dateOf(key: u64, absent: f64): f64 {
  const member = memberKeyed(CLAIMS_MEMBERS, key, 3);
  if (member == 0) return absent;
  if (memberKind(member) != KIND_NUMBER) return NaN;
  const at = memberValue(member);
  const value = numberValue(at, at + memberLength(member));
  return isFinite(value) ? value : NaN;
}

function isNumberOrAbsent(key: u64): bool {
  const member = memberKeyed(CLAIMS_MEMBERS, key, 3);
  return member == 0 || memberKind(member) == KIND_NUMBER;
}

/** The first second at which the token's times no longer hold, the tolerance included; Infinity without exp. Set by claimsJudge. */
export let expiresS: f64 = 0;
/** exp as it stands, Infinity without one. Set by datesJudge. */
export let expS: f64 = Infinity;

function timesJudge(authenticator: usize, nowMs: f64): i32 {
  const expires = dateOf(EXP, Infinity);
  const notBefore = dateOf(NBF, -Infinity);
  if (isNaN(expires) || isNaN(notBefore) || !isNumberOrAbsent(IAT)) return abi.REASON_CLAIMS_MALFORMED;
  return datesJudge(authenticator, expires, notBefore, nowMs);
}

/**
 * exp is required, unless the policy says otherwise; both ends count in whole seconds, as in jose, and are widened by the
 * tolerance.
 *
 * @param expires seconds, Infinity = never; likewise `notBefore`, -Infinity
 */
export function datesJudge(authenticator: usize, expires: f64, notBefore: f64, nowMs: f64): i32 {
  const isOptional = (load<u32>(authenticator, abi.AUTH_FLAGS) & abi.AUTH_EXPIRY_OPTIONAL) != 0;
  if (expires == Infinity && !isOptional) return abi.REASON_TOKEN_WITHOUT_EXPIRY;
  const toleranceS = <f64>load<u32>(authenticator, abi.AUTH_TOLERANCE_S);
  const nowS = Math.floor(nowMs / 1000);
  if (expires <= nowS - toleranceS) return abi.REASON_TOKEN_EXPIRED;
  if (notBefore > nowS + toleranceS) return abi.REASON_TOKEN_NOT_YET_VALID;
  expiresS = expires + toleranceS;
  expiryMs = expires * 1000;
  const maxAgeS = <f64>load<u32>(authenticator, abi.AUTH_MAX_AGE_S);
  const maxLifetimeS = <f64>load<u32>(authenticator, abi.AUTH_MAX_LIFETIME_S);
  return maxAgeS + maxLifetimeS == 0 ? abi.REASON_NONE : ageJudge(nowS, toleranceS, maxAgeS, maxLifetimeS, expires);
}

/** What a policy says of iat: it must then be there, and not lie ahead, or a token could make itself as young as it likes. */
function ageJudge(nowS: f64, toleranceS: f64, maxAgeS: f64, maxLifetimeS: f64, expires: f64): i32 {
  const issued = dateOf(IAT, NaN);
  if (isNaN(issued)) return abi.REASON_CLAIMS_MALFORMED;
  if (issued > nowS + toleranceS) return abi.REASON_TOKEN_NOT_YET_VALID;
  if (maxLifetimeS != 0 && !(expires - issued <= maxLifetimeS)) return abi.REASON_LIFETIME_TOO_LONG;
  if (maxAgeS == 0) return abi.REASON_NONE;
  if (nowS - issued > maxAgeS + toleranceS) return abi.REASON_TOKEN_TOO_OLD;
  expiresS = min(expiresS, issued + maxAgeS + toleranceS + 1);
  return abi.REASON_NONE;
}

/** `aud` is a string or an array of strings; one of them must be one of the authenticator's, if it has any. */
function audienceJudge(authenticator: usize): i32 {
  const first = load<i32>(authenticator, abi.AUTH_AUDIENCES_FIRST);
  const count = load<i32>(authenticator, abi.AUTH_AUDIENCES_COUNT);
  const member = memberKeyed(CLAIMS_MEMBERS, AUD, 3);
  if (member == 0) return count == 0 ? abi.REASON_NONE : abi.REASON_AUDIENCE_MISMATCH;
  let found = count == 0;
  if (memberKind(member) == KIND_ARRAY) {
    for (let at = nextItem(memberValue(member) + 1); at != 0; at = nextItem(at)) {
      if (!itemIsText) return abi.REASON_CLAIMS_MALFORMED;
      if (!found) found = isAmong(itemAddress, itemLength, first, count);
    }
  } else {
    if (!memberIsText(member)) return abi.REASON_CLAIMS_MALFORMED;
    if (!found) found = isAmong(memberValue(member), memberLength(member), first, count);
  }
  return found ? abi.REASON_NONE : abi.REASON_AUDIENCE_MISMATCH;
}

export function isAmong(address: usize, length: i32, first: i32, count: i32): bool {
  for (let i = first; i < first + count; i++) {
    if (policyTextIs(refAt(i), address, length)) return true;
  }
  return false;
}

function principalRead(): bool {
  const subject = memberKeyed(CLAIMS_MEMBERS, SUB, 3);
  if (subject == 0) {
    principalAddress = issuerAddress;
    principalLength = max(issuerLength, 0);
    return principalLength == 0 || isHeaderWord(principalAddress, principalLength);
  }
  if (!memberIsText(subject)) return false;
  principalAddress = memberValue(subject);
  principalLength = memberLength(subject);
  return isHeaderWord(principalAddress, principalLength);
}

/** `scope` is a space-separated string (RFC 8693 §4.2); `scp` one, or an array of strings. */
function scopesRead(): bool {
  scopesLength = 0;
  let member = memberKeyed(CLAIMS_MEMBERS, SCOPE, 5);
  if (member == 0) {
    member = memberKeyed(CLAIMS_MEMBERS, SCP, 3);
    if (member == 0) return true;
    if (memberKind(member) == KIND_ARRAY) return scopesJoin(member) && isHeaderSafe(scopesAddress, scopesLength);
  }
  if (!memberIsText(member)) return false;
  scopesAddress = memberValue(member);
  scopesLength = memberLength(member);
  return isHeaderSafe(scopesAddress, scopesLength);
}

/** A scope with a space in it would be two: it is refused, as is an empty one. */
function scopesJoin(member: usize): bool {
  scopesAddress = textTake(memberLength(member)); // quotes and comma make room for the space
  let out = scopesAddress;
  for (let at = nextItem(memberValue(member) + 1); at != 0; at = nextItem(at)) {
    if (!itemIsText || itemLength == 0) return false;
    if (out != scopesAddress) store<u8>(out++, 0x20);
    for (let i = 0; i < itemLength; i++) {
      const c = load<u8>(itemAddress + i);
      if (c == 0x20) return false;
      store<u8>(out++, c);
    }
  }
  scopesLength = <i32>(out - scopesAddress);
  return true;
}

/** Custom claims, and the firmware. */
function customRead(authenticator: usize): void {
  const first = load<i32>(authenticator, abi.AUTH_CLAIMS_FIRST);
  const count = load<i32>(authenticator, abi.AUTH_CLAIMS_COUNT);
  for (let i = 0; i < count; i++) {
    const member = keyMember(refAt(first + i));
    const entry = CUSTOM + (<usize>i << 3);
    if (member == 0) store<i32>(entry, -1, 4);
    else {
      store<u32>(entry, memberValue(member));
      store<i32>(entry, memberLength(member), 4);
    }
  }
  const firmware = load<i32>(authenticator, abi.AUTH_FIRMWARE);
  const member: usize = firmware < 0 ? 0 : keyMember(firmware);
  if (member == 0) firmwareHear(0, -1);
  else firmwareHear(memberValue(member), memberLength(member));
}

/** The claim of that name. One that is neither string nor integer counts as absent, 0: a limit by it then falls back to the principal. */
@inline
function keyMember(name: i32): usize {
  const member = memberNamed(CLAIMS_MEMBERS, stringAddress(name), stringLength(name));
  return member == 0 || !isKey(member) ? 0 : member;
}

function isKey(member: usize): bool {
  if (memberKind(member) != KIND_NUMBER) return memberIsText(member);
  const at = memberValue(member);
  return isInteger(at, at + memberLength(member));
}

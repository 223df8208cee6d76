// A CBOR Web Token's claims (RFC 8392 §3), read from the table that cbor-map.ts made, and heard only once the tag or signature
// is known to be good. What they say goes where a JWT's claims go.
import * as abi from "../abi";
import {
  ARRAY, argument, BYTES, contentAddress, contentLength, contentRead, headEnd, major, majorAt, NEGATIVE, numberAt, TEXT,
  UNSIGNED,
} from "./cbor";
import { mapRead, valueAt, valueOf } from "./cbor-map";
import {
  claimSet, datesJudge, datesSet, isAmong, issuerAddress, issuerLength, issuerSet, principalAddress, principalLength, principalSet, scopesSet, tokenIdSet,
} from "./claims";
import { cwtConfirmationRead } from "./cwt-confirmation";
import { deviceId, deviceIdLength } from "./device-key";
import { firmwareHear } from "./firmware";
import { isHeaderSafe, isHeaderWord } from "./header-safe";
import { refAt, stringAddress, stringLength } from "./image";
import { textTake } from "./json-string";
import { CLAIMS_MEMBERS } from "./scratch";
import { bytesEqual } from "./text";
import { isUtf8 } from "./utf8";

const ISS: usize = 1;
const SUB: usize = 2;
const AUD: usize = 3;
const EXP: usize = 4;
const NBF: usize = 5;
const IAT: usize = 6;
const CTI: usize = 7;
const SCOPE: usize = 9; // RFC 9200 §8.13

const ABSENT: i32 = -1;
const MALFORMED: i32 = -2;

/** Reads the claims that fill [at, end), and `iss`, by which an authenticator claims the token; false when they are malformed. */
export function cwtClaimsRead(at: usize, end: usize): bool {
  if (mapRead(at, end, CLAIMS_MEMBERS) != end) return false;
  const length = textOf(ISS, TEXT);
  issuerSet(contentAddress, length);
  return length != MALFORMED;
}

/** Length of a claim's string of major type `type`, which then stands at `contentAddress`; ABSENT; MALFORMED. */
function textOf(key: usize, type: i32): i32 {
  const at = valueAt(CLAIMS_MEMBERS, key);
  if (at == 0) return ABSENT;
  return contentRead(at, type) ? contentLength : MALFORMED;
}

/**
 * Judges the claims of a token whose tag is good (whose signature is to be), and reads who calls, with which scopes and custom claims.
 *
 * @returns REASON_*
 */
export function cwtClaimsJudge(authenticator: usize, nowMs: f64): i32 {
  const expires = dateOf(EXP, Infinity);
  const notBefore = dateOf(NBF, -Infinity);
  const issued = dateOf(IAT, Infinity);
  if (isNaN(expires) || isNaN(notBefore) || isNaN(issued)) return abi.REASON_CLAIMS_MALFORMED;
  const times = datesJudge(authenticator, expires, notBefore, nowMs);
  if (times != abi.REASON_NONE) return times;
  const audience = audienceJudge(authenticator);
  if (audience != abi.REASON_NONE) return audience;
  const idLength = textOf(CTI, BYTES);
  if (idLength == MALFORMED) return abi.REASON_CLAIMS_MALFORMED;
  tokenIdSet(contentAddress, idLength);
  if (!cwtConfirmationRead(CLAIMS_MEMBERS)) return abi.REASON_CLAIMS_MALFORMED;
  const isDerived = (load<u32>(authenticator, abi.AUTH_FLAGS) & abi.AUTH_DERIVED) != 0;
  // Not for devices that make their tokens themselves: a stolen key would write whatever date helps it past a revocation.
  datesSet(isDerived || !isFinite(issued) ? NaN : issued * 1000, expires * 1000);
  return isDerived ? deviceRead(authenticator) : callerRead(authenticator);
}

/** A NumericDate (RFC 8392 §2), seconds, without tag; `absent` when there is none; NaN when it is malformed or not finite. */
function dateOf(key: usize, absent: f64): f64 {
  const at = valueAt(CLAIMS_MEMBERS, key);
  if (at == 0) return absent;
  const value = numberAt(at);
  return isFinite(value) ? value : NaN;
}

/** `aud` is a text or an array of texts (RFC 8392 §3.1.3, RFC 7519 §4.1.3). */
function audienceJudge(authenticator: usize): i32 {
  const first = load<i32>(authenticator, abi.AUTH_AUDIENCES_FIRST);
  const count = load<i32>(authenticator, abi.AUTH_AUDIENCES_COUNT);
  let found = count == 0;
  let at = valueAt(CLAIMS_MEMBERS, AUD);
  let left: u64 = at != 0 ? 1 : 0;
  if (at != 0 && majorAt(at) == ARRAY) {
    at = headEnd(at, at + 9);
    left = argument;
  }
  for (; left > 0; left--) {
    if (!contentRead(at, TEXT)) return abi.REASON_CLAIMS_MALFORMED;
    found = found || isAmong(contentAddress, contentLength, first, count);
    at = contentAddress + contentLength;
  }
  return found ? abi.REASON_NONE : abi.REASON_AUDIENCE_MISMATCH;
}

/** The token of an issuer that vouches for all it says. */
function callerRead(authenticator: usize): i32 {
  const length = textOf(SUB, TEXT);
  if (length >= 0) principalSet(contentAddress, length);
  else principalSet(issuerAddress, max(issuerLength, 0));
  const isNobody = length == ABSENT && issuerLength <= 0;
  if (length == MALFORMED || (!isNobody && !isHeaderWord(principalAddress, principalLength)) || !scopesRead()) {
    return abi.REASON_CLAIMS_MALFORMED;
  }
  customRead(authenticator);
  firmwareRead(authenticator);
  return abi.REASON_NONE;
}

/** A text, or a byte string that is one: `scope` is a list of words (RFC 6749 §3.3), a binary format (RFC 9200 §5.8) is not known. */
function scopesRead(): bool {
  const at = valueAt(CLAIMS_MEMBERS, SCOPE);
  scopesSet(0, 0);
  if (at == 0) return true;
  if (!contentRead(at, TEXT) && !(contentRead(at, BYTES) && isUtf8(contentAddress, contentAddress + contentLength))) return false;
  scopesSet(contentAddress, contentLength);
  return isHeaderSafe(contentAddress, contentLength);
}

/**
 * A device makes its tokens itself, so it can vouch for its own name only: that is the key's id. Its scopes are the
 * policy's. Of what else it claims only its firmware is heard, which is no custom claim: neither a bind nor a limit sees it.
 */
function deviceRead(authenticator: usize): i32 {
  const length = textOf(SUB, TEXT);
  if (length != ABSENT && (length != deviceIdLength || !bytesEqual(contentAddress, deviceId, length))) return abi.REASON_SUBJECT_MISMATCH;
  principalSet(deviceId, deviceIdLength);
  const scopes = load<i32>(authenticator, abi.AUTH_SCOPES);
  if (scopes < 0) scopesSet(0, 0);
  else scopesSet(stringAddress(scopes), stringLength(scopes));
  const count = load<i32>(authenticator, abi.AUTH_CLAIMS_COUNT);
  for (let i = 0; i < count; i++) claimSet(i, 0, -1);
  firmwareRead(authenticator);
  return abi.REASON_NONE;
}

let customAddress: usize = 0;

function customRead(authenticator: usize): void {
  const first = load<i32>(authenticator, abi.AUTH_CLAIMS_FIRST);
  const count = load<i32>(authenticator, abi.AUTH_CLAIMS_COUNT);
  for (let i = 0; i < count; i++) {
    const length = customLength(refAt(first + i));
    claimSet(i, customAddress, length);
  }
}

function firmwareRead(authenticator: usize): void {
  const key = load<i32>(authenticator, abi.AUTH_FIRMWARE);
  const length = key < 0 ? ABSENT : customLength(key);
  firmwareHear(customAddress, length);
}

/**
 * Length of the claim whose key's encoding is the string `key`; its text then stands at `customAddress`. It counts when it is a text,
 * a byte string or an integer of 64 bits, else it is ABSENT.
 */
function customLength(key: i32): i32 {
  const at = valueOf(CLAIMS_MEMBERS, stringAddress(key), stringLength(key));
  if (at == 0) return ABSENT;
  if (!contentRead(at, TEXT) && !contentRead(at, BYTES)) return majorAt(at) > NEGATIVE ? ABSENT : integerLength(at);
  customAddress = contentAddress;
  return contentLength;
}

/** Writes an integer as a JWT would have it, in decimal digits, and answers as customLength. */
function integerLength(item: usize): i32 {
  headEnd(item, item + 9);
  if (<i64>argument < 0) return ABSENT;
  const end = textTake(20) + 20;
  let at = end;
  let rest = major == UNSIGNED ? argument : argument + 1;
  do {
    store<u8>(--at, 0x30 + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (major == NEGATIVE) store<u8>(--at, 0x2d);
  customAddress = at;
  return <i32>(end - at);
}

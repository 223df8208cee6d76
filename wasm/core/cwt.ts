// CBOR Web Tokens (RFC 8392) in a COSE_Mac0 or COSE_Sign1, in base64url, in two steps as in jwt.ts: cwtParse reads the token
// once, whoever is to judge it, and the first authenticator whose issuer it names judges it by cwtJudge.
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { expiresS, keyIdSet } from "./claims";
import { mac0Verify } from "./cose-mac0";
import {
  messageAlgorithm, messageKid, messageKidLength, messageRead, payload, payloadEnd, ROOM_IN_FRONT, SIGN1_ALGORITHMS,
} from "./cose-message";
import { sign1Fits, sign1Write } from "./cose-sign1";
import { cwtClaimsJudge, cwtClaimsRead } from "./cwt-claims";
import { deviceId, deviceIdLength, deviceInner, deviceKeyDerive, deviceOuter } from "./device-key";
import { authenticatorCount, authenticators, hmacKeys, image, stringAddress, stringLength } from "./image";
import { textClear } from "./json-string";
import { keyOf, tokenIssuerIs, tokenStart } from "./jwt";
import { HEADER_JSON } from "./scratch";
import { tokenDistrust, tokenRecall, tokenTrust } from "./token-cache";

const MESSAGE: usize = HEADER_JSON + ROOM_IN_FRONT;

/** Where the token stands that tokenType saw. */
export let token: usize = 0;
export let tokenEnd: usize = 0;
// The token that was parsed last: tokenType may have looked into another slot since.
let parsed: usize = 0;
let parsedLength: i32 = 0;

/**
 * What kind of token a credential slot holds, by its first character: a CWT's first byte is a tag or an array's head, a
 * JWT's a brace or a blank. AUTH_JWT, AUTH_CWT; -1 = the slot is of another scheme.
 */
export function tokenType(slot: i32, length: i32): i32 {
  const credential = <usize>(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE);
  token = tokenStart(credential, slot);
  tokenEnd = credential + length;
  if (token == 0) return -1;
  if (token >= tokenEnd) return abi.AUTH_JWT;
  const first = load<u8>(token); // h = 84…87, 0 = d0…d3, 2 = d8…db
  return first == 0x68 || first == 0x30 || first == 0x32 ? abi.AUTH_CWT : abi.AUTH_JWT;
}

/** Reads the token that tokenType saw: REASON_NONE, REASON_TOKEN_MALFORMED or REASON_CLAIMS_MALFORMED. */
export function cwtParse(): i32 {
  if (!tokenRead()) return abi.REASON_TOKEN_MALFORMED;
  return cwtClaimsRead(payload, payloadEnd) ? abi.REASON_NONE : abi.REASON_CLAIMS_MALFORMED;
}

function tokenRead(): bool {
  textClear();
  parsed = token;
  parsedLength = <i32>(tokenEnd - token);
  return base64urlDecode(token, tokenEnd, MESSAGE) == tokenEnd && messageRead(MESSAGE, MESSAGE + decodedLength);
}

/**
 * Judges the parsed token, once: issuer, algorithm, key, tag, and only then what it claims; where the host would have to
 * verify a signature, the claims come first, as in jwt.ts.
 *
 * @returns REASON_*, or VERIFICATION_NEEDED; after REASON_NONE the principal, the scopes and the custom claims are set
 */
export function cwtJudge(authenticator: i32, nowMs: f64): i32 {
  const record = authenticators + <usize>authenticator * abi.AUTH_SIZE;
  if (!tokenIssuerIs(authenticator)) return abi.REASON_ISSUER_UNKNOWN;
  if (!isAllowed(record)) return abi.REASON_ALGORITHM_REFUSED;
  if ((messageAlgorithm & SIGN1_ALGORITHMS) != 0) return recalledJudge(record, authenticator, nowMs);
  const reason = tagJudge(record);
  return reason == abi.REASON_NONE ? cwtClaimsJudge(record, nowMs) : reason;
}

@inline
function isAllowed(record: usize): bool {
  return (load<u32>(record, abi.AUTH_ALGORITHMS) & messageAlgorithm) != 0;
}

function recalledJudge(record: usize, authenticator: i32, nowMs: f64): i32 {
  if (!sign1Fits()) return abi.REASON_SIGNATURE_INVALID;
  keyIdSet(messageKid, messageKidLength);
  const reason = cwtClaimsJudge(record, nowMs);
  return reason == abi.REASON_NONE ? tokenRecall(parsed, parsedLength, authenticator, nowMs) : reason;
}

function tagJudge(record: usize): i32 {
  let inner = deviceInner;
  let outer = deviceOuter;
  if ((load<u32>(record, abi.AUTH_FLAGS) & abi.AUTH_DERIVED) != 0) {
    const master = hmacKeys + <usize>load<i32>(record, abi.AUTH_KEYS_FIRST) * abi.HMAC_KEY_SIZE;
    if (!deviceKeyDerive(master, messageKid, messageKidLength)) return abi.REASON_KEY_UNKNOWN;
    keyIdSet(deviceId, deviceIdLength);
  } else {
    const key = keyOf(record, messageKid, messageKidLength);
    if (key == 0) return abi.REASON_KEY_UNKNOWN;
    const kid = load<i32>(key, abi.HMAC_KEY_KID); // the message's own is written over when the tag is checked
    if (kid < 0) keyIdSet(0, -1);
    else keyIdSet(stringAddress(kid), stringLength(kid));
    inner = key + abi.HMAC_KEY_INNER;
    outer = key + abi.HMAC_KEY_OUTER;
  }
  return mac0Verify(inner, outer) ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID;
}

/** Is there such an authenticator, and a CWT in the slot? */
function isThere(slot: i32, authenticator: i32): bool {
  if (image == 0 || <u32>authenticator >= <u32>authenticatorCount || <u32>slot >= <u32>abi.CREDENTIAL_SLOTS) return false;
  const length = load<i32>(abi.REQUEST_CREDENTIAL_LENGTHS + (slot << 2));
  return <u32>length <= <u32>abi.MAX_TOKEN && tokenType(slot, length) == abi.AUTH_CWT;
}

/** Both steps against one authenticator, as token_verify; REASON_CREDENTIAL_MISSING when the slot holds no CWT. */
export function cwt_verify(slot: i32, authenticator: i32, nowMs: f64): i32 {
  if (!isThere(slot, authenticator)) return abi.REASON_CREDENTIAL_MISSING;
  const reason = cwtParse();
  return reason == abi.REASON_NONE ? cwtJudge(authenticator, nowMs) : reason;
}

/** As jwtRemember, for the CWT of a slot. */
export function cwtRemember(slot: i32, authenticator: i32, found: i32, nowMs: f64): i32 {
  const reason = cwt_verify(slot, authenticator, nowMs);
  if (reason != abi.VERIFICATION_NEEDED) return reason;
  if (found == abi.REASON_NONE) tokenTrust(authenticator, expiresS * 1000, nowMs);
  else tokenDistrust(authenticator, found, nowMs);
  return abi.REASON_NONE;
}

/**
 * A COSE_Mac0 or COSE_Sign1 of any payload against one authenticator's algorithms and keys: for vectors and tools.
 *
 * @returns REASON_*; VERIFICATION_NEEDED for a signature, which then stands in the verdict record
 */
export function cose_verify(slot: i32, authenticator: i32): i32 {
  if (!isThere(slot, authenticator)) return abi.REASON_CREDENTIAL_MISSING;
  if (!tokenRead()) return abi.REASON_TOKEN_MALFORMED;
  const record = authenticators + <usize>authenticator * abi.AUTH_SIZE;
  if (!isAllowed(record)) return abi.REASON_ALGORITHM_REFUSED;
  if ((messageAlgorithm & SIGN1_ALGORITHMS) == 0) return tagJudge(record);
  if (!sign1Fits()) return abi.REASON_SIGNATURE_INVALID;
  sign1Write(slot, authenticator);
  return abi.VERIFICATION_NEEDED;
}

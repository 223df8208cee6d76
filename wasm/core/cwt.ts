// CBOR Web Tokens (RFC 8392) in a COSE_Mac0, in base64url, in two steps as in jwt.ts: cwtParse reads the token once, whoever
// is to judge it, and the first authenticator whose issuer it names judges it by cwtJudge.
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { macAlgorithm, macKid, macKidLength, mac0Read, mac0Verify, payload, payloadEnd } from "./cose-mac0";
import { cwtClaimsJudge, cwtClaimsRead } from "./cwt-claims";
import { deviceId, deviceIdLength, deviceInner, deviceKeyDerive, deviceOuter } from "./device-key";
import { authenticatorCount, authenticators, hmacKeys, image, stringAddress, stringLength } from "./image";
import { textClear } from "./json-string";
import { keyOf, tokenIssuerIs, tokenStart } from "./jwt";
import { HEADER_JSON } from "./scratch";

const MESSAGE: usize = HEADER_JSON + 16; // mac0Verify writes in front of it

/** What the key that cwtJudge used is called; length 0 = the policy gives it no name. */
export let cwtKeyId: usize = 0;
export let cwtKeyIdLength: i32 = 0;

let token: usize = 0;
let tokenEnd: usize = 0;

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
  if (!messageRead()) return abi.REASON_TOKEN_MALFORMED;
  return cwtClaimsRead(payload, payloadEnd) ? abi.REASON_NONE : abi.REASON_CLAIMS_MALFORMED;
}

function messageRead(): bool {
  textClear();
  return base64urlDecode(token, tokenEnd, MESSAGE) == tokenEnd && mac0Read(MESSAGE, MESSAGE + decodedLength);
}

/**
 * Judges the parsed token, once: issuer, algorithm, key, tag, and only then what it claims.
 *
 * @returns REASON_*; after REASON_NONE the principal, the scopes and the custom claims are set
 */
export function cwtJudge(authenticator: i32, nowMs: f64): i32 {
  const record = authenticators + <usize>authenticator * abi.AUTH_SIZE;
  if (!tokenIssuerIs(authenticator)) return abi.REASON_ISSUER_UNKNOWN;
  const reason = tagJudge(record);
  return reason == abi.REASON_NONE ? cwtClaimsJudge(record, nowMs) : reason;
}

function tagJudge(record: usize): i32 {
  if ((load<u32>(record, abi.AUTH_ALGORITHMS) & macAlgorithm) == 0) return abi.REASON_ALGORITHM_REFUSED;
  let inner = deviceInner;
  let outer = deviceOuter;
  if ((load<u32>(record, abi.AUTH_FLAGS) & abi.AUTH_DERIVED) != 0) {
    const master = hmacKeys + <usize>load<i32>(record, abi.AUTH_KEYS_FIRST) * abi.HMAC_KEY_SIZE;
    if (!deviceKeyDerive(master, macKid, macKidLength)) return abi.REASON_KEY_UNKNOWN;
    cwtKeyId = deviceId;
    cwtKeyIdLength = deviceIdLength;
  } else {
    const key = keyOf(record, macKid, macKidLength);
    if (key == 0) return abi.REASON_KEY_UNKNOWN;
    inner = key + abi.HMAC_KEY_INNER;
    outer = key + abi.HMAC_KEY_OUTER;
    // The policy's text: mac0Verify writes over the token's.
    const kid = load<i32>(key, abi.HMAC_KEY_KID);
    cwtKeyId = kid < 0 ? 0 : stringAddress(kid);
    cwtKeyIdLength = kid < 0 ? 0 : stringLength(kid);
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

/** A COSE_Mac0 of any payload against one authenticator's algorithms and keys: for vectors and tools. */
export function mac0_verify(slot: i32, authenticator: i32): i32 {
  if (!isThere(slot, authenticator)) return abi.REASON_CREDENTIAL_MISSING;
  return messageRead() ? tagJudge(authenticators + <usize>authenticator * abi.AUTH_SIZE) : abi.REASON_TOKEN_MALFORMED;
}

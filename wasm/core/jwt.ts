// HS256 JSON Web Tokens (RFC 7519, 7515) in two steps. tokenParse reads the token once, whoever is to judge it; the first
// authenticator whose issuer the token names then judges it by tokenJudge, and no other is asked (RFC 8725 §3.8).
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { claimsJudge, isText, issuerAddress, issuerLength, issuerRead } from "./claims";
import { hmacVerify } from "./hmac";
import { authenticatorCount, authenticators, hmacKeys, image, stringAddress, stringLength } from "./image";
import { memberKeyed, memberLength, membersEnd, memberValue } from "./json-object";
import { textClear } from "./json-string";
import { skipSpace } from "./json-value";
import { CLAIMS_JSON, CLAIMS_MEMBERS, HEADER_JSON, HEADER_MEMBERS, SIGNATURE } from "./scratch";
import { bytesEqual } from "./text";

export { claimAddress, claimLength, principalAddress, principalLength, scopesAddress, scopesLength } from "./claims";

const DOT: u32 = 0x2e;
const SIGNATURE_LENGTH: i32 = 32;

// Header names and values as memberKeyed takes names: their bytes, first byte lowest.
const ALG: u64 = 0x676c61;
const KID: u64 = 0x64696b;
const CRIT: u64 = 0x74697263;
const HS256: u64 = 0x3635325348;

let signingInput: usize = 0;
let signingLength: i32 = 0;
let signatureLength: i32 = 0;
let algorithm: u32 = 0; // 1 << ALG_*; 0 = one that the core does not know
let kidAddress: usize = 0;
let kidLength: i32 = -1; // -1 = the token names no key

/**
 * Reads the token of a credential slot. What it says stands in SCRATCH until the next call.
 *
 * @returns REASON_NONE; REASON_CREDENTIAL_MISSING when the slot is empty or not of the Bearer scheme;
 * REASON_CREDENTIAL_TOO_LARGE; REASON_TOKEN_MALFORMED (parts, base64url, header); REASON_CLAIMS_MALFORMED
 */
export function tokenParse(slot: i32): i32 {
  const length = load<i32>(abi.REQUEST_CREDENTIAL_LENGTHS + (slot << 2));
  if (length > abi.MAX_TOKEN) return abi.REASON_CREDENTIAL_TOO_LARGE;
  const credential = <usize>(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE);
  signingInput = tokenStart(credential, slot);
  if (length <= 0 || signingInput == 0) return abi.REASON_CREDENTIAL_MISSING;
  const end = credential + length;
  textClear();
  const headerEnd = partEnd(signingInput, end, HEADER_JSON);
  const headerLength = decodedLength;
  if (headerEnd == 0) return abi.REASON_TOKEN_MALFORMED;
  const claimsEnd = partEnd(headerEnd + 1, end, CLAIMS_JSON);
  const claimsLength = decodedLength;
  if (claimsEnd == 0 || base64urlDecode(claimsEnd + 1, end, SIGNATURE) != end) return abi.REASON_TOKEN_MALFORMED;
  signatureLength = decodedLength;
  signingLength = <i32>(claimsEnd - signingInput);
  if (!objectRead(HEADER_JSON, headerLength, HEADER_MEMBERS) || !headerRead()) return abi.REASON_TOKEN_MALFORMED;
  if (!objectRead(CLAIMS_JSON, claimsLength, CLAIMS_MEMBERS) || !issuerRead()) return abi.REASON_CLAIMS_MALFORMED;
  return abi.REASON_NONE;
}

/**
 * Where the token starts, 0 when it is of another scheme. The scheme's case does not matter (RFC 9110 §11.1); a header
 * other than Authorization may carry the bare token.
 */
@inline
function tokenStart(at: usize, slot: i32): usize {
  const isBearer = (load<u32>(at) | 0x20202020) == 0x72616562 && (load<u16>(at, 4) | 0x2020) == 0x7265 && load<u8>(at, 6) == 0x20;
  if (!isBearer) return slot == 0 ? 0 : at;
  at += 7;
  while (load<u8>(at) == 0x20) at++;
  return at;
}

/** Decodes a part that a dot ends; returns the dot's address, 0 when the part is malformed. */
@inline
function partEnd(at: usize, end: usize, out: usize): usize {
  if (at > end) return 0;
  at = base64urlDecode(at, end, out);
  return at != 0 && at < end && load<u8>(at) == DOT ? at : 0;
}

/** Reads a JSON text that must be one object. */
@inline
function objectRead(json: usize, length: i32, table: usize): bool {
  store<u8>(json + length, 0); // the JSON reader's sentinel
  let at = skipSpace(json);
  if (load<u8>(at) != 0x7b) return false;
  at = membersEnd(at, table);
  return at != 0 && skipSpace(at) == json + length;
}

/**
 * Reads `alg` and `kid`. Any `crit` is refused: the core knows no extension (RFC 7515 §4.1.11). `jwk`, `jku`, `x5u`, `x5c`
 * and, without `crit`, `b64` mean nothing here.
 */
function headerRead(): bool {
  const alg = memberKeyed(HEADER_MEMBERS, ALG, 3);
  if (alg == 0 || !isText(alg) || memberKeyed(HEADER_MEMBERS, CRIT, 4) != 0) return false;
  const isHs256 = memberLength(alg) == 5 && (load<u64>(memberValue(alg)) & 0xffffffffff) == HS256;
  algorithm = isHs256 ? 1 << abi.ALG_HS256 : 0;
  const kid = memberKeyed(HEADER_MEMBERS, KID, 3);
  kidLength = -1;
  if (kid == 0) return true;
  if (!isText(kid)) return false;
  kidAddress = memberValue(kid);
  kidLength = memberLength(kid);
  return true;
}

@inline
function authenticatorRecord(index: i32): usize {
  return authenticators + <usize>index * abi.AUTH_SIZE;
}

/** Does the parsed token name the authenticator's issuer? An authenticator without one takes any token. */
export function tokenIssuerIs(authenticator: i32): bool {
  const issuer = load<i32>(authenticatorRecord(authenticator), abi.AUTH_ISSUER);
  if (issuer < 0) return true;
  return stringLength(issuer) == issuerLength && bytesEqual(stringAddress(issuer), issuerAddress, issuerLength);
}

/**
 * Judges the parsed token: issuer, algorithm, key, signature, and only then what it claims.
 *
 * @returns REASON_*; after REASON_NONE the principal, the scopes and the custom claims are set
 */
export function tokenJudge(authenticator: i32, nowMs: f64): i32 {
  if (!tokenIssuerIs(authenticator)) return abi.REASON_ISSUER_UNKNOWN;
  const record = authenticatorRecord(authenticator);
  if ((load<u32>(record, abi.AUTH_ALGORITHMS) & algorithm) == 0) return abi.REASON_ALGORITHM_REFUSED;
  const key = keyOf(record);
  if (key == 0) return abi.REASON_KEY_UNKNOWN;
  if (signatureLength != SIGNATURE_LENGTH) return abi.REASON_SIGNATURE_INVALID;
  const good = hmacVerify(key + abi.HMAC_KEY_INNER, key + abi.HMAC_KEY_OUTER, signingInput, signingLength, SIGNATURE);
  return good ? claimsJudge(record, nowMs) : abi.REASON_SIGNATURE_INVALID;
}

/** The key of that kid, else the key without one. A token without kid is good for an authenticator with a single key. */
function keyOf(authenticator: usize): usize {
  const count = load<i32>(authenticator, abi.AUTH_KEYS_COUNT);
  let key = hmacKeys + <usize>load<i32>(authenticator, abi.AUTH_KEYS_FIRST) * abi.HMAC_KEY_SIZE;
  if (kidLength < 0) return count == 1 ? key : 0;
  let anyKid: usize = 0;
  for (let i = 0; i < count; i++, key += abi.HMAC_KEY_SIZE) {
    const kid = load<i32>(key, abi.HMAC_KEY_KID);
    if (kid < 0) anyKid = key;
    else if (stringLength(kid) == kidLength && bytesEqual(stringAddress(kid), kidAddress, kidLength)) return key;
  }
  return anyKid;
}

/**
 * Both steps against one authenticator.
 *
 * @param slot credential slot, its length in REQUEST_CREDENTIAL_LENGTHS
 * @param authenticator index in the image in force
 * @returns REASON_*; REASON_POLICY_MISSING when there is no such slot or authenticator
 */
export function token_verify(slot: i32, authenticator: i32, nowMs: f64): i32 {
  if (image == 0 || <u32>authenticator >= <u32>authenticatorCount || <u32>slot >= <u32>abi.CREDENTIAL_SLOTS) {
    return abi.REASON_POLICY_MISSING;
  }
  const reason = tokenParse(slot);
  return reason == abi.REASON_NONE ? tokenJudge(authenticator, nowMs) : reason;
}

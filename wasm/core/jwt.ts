// HS256 JSON Web Tokens (RFC 7519, 7515) in two steps. tokenParse reads the token once, whoever is to judge it; the first
// authenticator whose issuer the token names then judges it by tokenJudge, and no other is asked (RFC 8725 §3.8).
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { claimsJudge, issuerAddress, issuerLength, issuerRead } from "./claims";
import { hmacVerify } from "./hmac";
import { authenticatorCount, authenticators, hmacKeys, image } from "./image";
import { algorithm, headerEnd, kidAddress, kidLength } from "./jose-header";
import { textClear } from "./json-string";
import { policyTextIs } from "./policy-text";
import { CLAIMS_JSON, CLAIMS_MEMBERS, SIGNATURE } from "./scratch";
import { objectRead, partEnd } from "./token-part";

export { claimAddress, claimLength, principalAddress, principalLength, scopesAddress, scopesLength, tokenIdAddress, tokenIdLength, tokenIssuedMs } from "./claims";

const SIGNATURE_LENGTH: i32 = 32;

let signingInput: usize = 0;
let signingLength: i32 = 0;
let signatureLength: i32 = 0;

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
  const headerDot = headerEnd(signingInput, end);
  if (headerDot == 0) return abi.REASON_TOKEN_MALFORMED;
  const claimsDot = partEnd(headerDot + 1, end, CLAIMS_JSON);
  const claimsLength = decodedLength;
  if (claimsDot == 0 || base64urlDecode(claimsDot + 1, end, SIGNATURE) != end) return abi.REASON_TOKEN_MALFORMED;
  signatureLength = decodedLength;
  signingLength = <i32>(claimsDot - signingInput);
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

@inline
function authenticatorRecord(index: i32): usize {
  return authenticators + <usize>index * abi.AUTH_SIZE;
}

/** Does the parsed token name the authenticator's issuer? An authenticator without one takes any token. */
export function tokenIssuerIs(authenticator: i32): bool {
  const issuer = load<i32>(authenticatorRecord(authenticator), abi.AUTH_ISSUER);
  return issuer < 0 || policyTextIs(issuer, issuerAddress, issuerLength);
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

/** The key of the token's kid, else the key without one; a token that names none may also mean an authenticator's only key. */
function keyOf(authenticator: usize): usize {
  const count = load<i32>(authenticator, abi.AUTH_KEYS_COUNT);
  let key = hmacKeys + <usize>load<i32>(authenticator, abi.AUTH_KEYS_FIRST) * abi.HMAC_KEY_SIZE;
  let other: usize = count == 1 && kidLength < 0 ? key : 0;
  for (let i = 0; i < count; i++, key += abi.HMAC_KEY_SIZE) {
    const kid = load<i32>(key, abi.HMAC_KEY_KID);
    if (kid < 0) other = key;
    else if (policyTextIs(kid, kidAddress, kidLength)) return key;
  }
  return other;
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

// JSON Web Tokens (RFC 7519, 7515) in two steps. tokenParse reads the token once, whoever is to judge it; the first
// authenticator whose issuer the token names then judges it by tokenJudge, and no other is asked (RFC 8725 §3.8).
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { claimsJudge, expiresS, issuerAddress, issuerLength, issuerRead, keyIdSet } from "./claims";
import { hmacVerify } from "./hmac";
import { authenticatorCount, authenticators, hmacKeys, image } from "./image";
import { algorithm, headerEnd, kidAddress, kidLength, typAddress, typLength } from "./jose-header";
import { textClear } from "./json-string";
import { policyTextIs } from "./policy-text";
import { CLAIMS_JSON, CLAIMS_MEMBERS, SIGNATURE } from "./scratch";
import { tokenDistrust, tokenRecall, tokenTrust } from "./token-cache";
import { objectRead, partEnd } from "./token-part";

export { claimAddress, claimLength, principalAddress, principalLength, scopesAddress, scopesLength } from "./claims";

const SIGNATURE_LENGTH: i32 = 32;

let signingInput: usize = 0;
let signingLength: i32 = 0;
let signatureLength: i32 = 0;
let tokenLength: i32 = 0; // of the whole token, signature and dots included

/**
 * Reads the token of a credential slot. What it says stands in SCRATCH until the next call.
 *
 * @returns REASON_NONE; REASON_CREDENTIAL_MISSING when the slot is empty or of another scheme than Bearer and DPoP;
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
  tokenLength = <i32>(end - signingInput);
  signingLength = <i32>(claimsDot - signingInput);
  if (!objectRead(CLAIMS_JSON, claimsLength, CLAIMS_MEMBERS) || !issuerRead()) return abi.REASON_CLAIMS_MALFORMED;
  return abi.REASON_NONE;
}

export const SCHEME_NONE: i32 = 0; // a bare token
export const SCHEME_BEARER: i32 = 1;
export const SCHEME_DPOP: i32 = 2; // RFC 9449 §7.1

/** How the token that tokenStart found last was sent. */
export let tokenScheme: i32 = SCHEME_NONE;

/**
 * Where the token starts, 0 when it is of another scheme. The scheme's case does not matter (RFC 9110 §11.1); a header
 * other than Authorization may carry the bare token.
 */
@inline
export function tokenStart(at: usize, slot: i32): usize {
  const word = load<u32>(at) | 0x20202020;
  tokenScheme = SCHEME_NONE;
  if (word == 0x72616562 && (load<u16>(at, 4) | 0x2020) == 0x7265 && load<u8>(at, 6) == 0x20) tokenScheme = SCHEME_BEARER;
  else if (word == 0x706f7064 && load<u8>(at, 4) == 0x20) tokenScheme = SCHEME_DPOP;
  else return slot == 0 ? 0 : at;
  at += tokenScheme == SCHEME_BEARER ? 7 : 5;
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
 * Judges the parsed token: issuer, algorithm, type, key, signature, and only then what it claims. Where the host would have
 * to verify the signature, the claims come first, because that is dear: no token that is refused anyway is worth it.
 *
 * @returns REASON_*, or VERIFICATION_NEEDED; after REASON_NONE the principal, the scopes and the custom claims are set
 */
export function tokenJudge(authenticator: i32, nowMs: f64): i32 {
  if (!tokenIssuerIs(authenticator)) return abi.REASON_ISSUER_UNKNOWN;
  const record = authenticatorRecord(authenticator);
  let reason = headerJudge(record);
  if (reason != abi.REASON_NONE) return reason;
  keyIdSet(kidAddress, kidLength);
  if (algorithm != 1 << abi.ALG_HS256) return recalledJudge(record, authenticator, nowMs);
  reason = signatureJudge(record);
  return reason == abi.REASON_NONE ? claimsJudge(record, nowMs) : reason;
}

/** Algorithm and type of the parsed token. */
@inline
function headerJudge(record: usize): i32 {
  if ((load<u32>(record, abi.AUTH_ALGORITHMS) & algorithm) == 0) return abi.REASON_ALGORITHM_REFUSED;
  const typ = load<i32>(record, abi.AUTH_TYP);
  return typ < 0 || policyTextIs(typ, typAddress, typLength) ? abi.REASON_NONE : abi.REASON_TYPE_REFUSED;
}

/** Key and signature of the parsed HS256 token. */
function signatureJudge(record: usize): i32 {
  const key = keyOf(record, kidAddress, kidLength);
  if (key == 0) return abi.REASON_KEY_UNKNOWN;
  if (signatureLength != SIGNATURE_LENGTH) return abi.REASON_SIGNATURE_INVALID;
  const good = hmacVerify(key + abi.HMAC_KEY_INNER, key + abi.HMAC_KEY_OUTER, signingInput, signingLength, SIGNATURE);
  return good ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID;
}

function recalledJudge(record: usize, authenticator: i32, nowMs: f64): i32 {
  if (!signatureFits()) return abi.REASON_SIGNATURE_INVALID;
  const reason = claimsJudge(record, nowMs);
  return reason == abi.REASON_NONE ? tokenRecall(signingInput, tokenLength, authenticator, nowMs) : reason;
}

/** Has the signature the length that its algorithm makes (RFC 7518 §3.2–3.5, RFC 8037 §3.1)? RSA: 2048 to 8192 bits. */
function signatureFits(): bool {
  switch (ctz(algorithm)) {
    case abi.ALG_HS384: return signatureLength == 48;
    case abi.ALG_HS512:
    case abi.ALG_ES256:
    case abi.ALG_EDDSA: return signatureLength == 64;
    case abi.ALG_ES384: return signatureLength == 96;
    case abi.ALG_ES512: return signatureLength == 132;
    default: return <u32>signatureLength - 256 <= 768;
  }
}

/** Says in the verdict record what the host is to verify of the token that was judged last. */
export function verificationWrite(slot: i32, authenticator: i32): void {
  store<i32>(abi.VERIFY_AUTHENTICATOR, authenticator);
  store<i32>(abi.VERIFY_ALGORITHM, ctz(algorithm));
  store<i32>(abi.VERIFY_SLOT, slot);
  store<u32>(abi.VERIFY_KID, kidAddress);
  store<i32>(abi.VERIFY_KID_LENGTH, kidLength);
  store<u32>(abi.VERIFY_INPUT, signingInput);
  store<i32>(abi.VERIFY_INPUT_LENGTH, signingLength);
  store<u32>(abi.VERIFY_SIGNATURE, SIGNATURE);
  store<i32>(abi.VERIFY_SIGNATURE_LENGTH, signatureLength);
}

/**
 * Remembers what the host found of the signature of a slot's token, which must stand there as it stood when decide() asked.
 *
 * @param authenticator index in the image in force, which must be the one that was in force then
 * @param found REASON_NONE = the signature is good under one of the authenticator's keys; else why it is not
 * @returns REASON_NONE = remembered; else why the token needs no verification, or REASON_POLICY_MISSING
 */
export function jwtRemember(slot: i32, authenticator: i32, found: i32, nowMs: f64): i32 {
  const reason = token_verify(slot, authenticator, nowMs);
  if (reason != abi.VERIFICATION_NEEDED) return reason;
  if (found == abi.REASON_NONE) tokenTrust(authenticator, expiresS * 1000, nowMs);
  else tokenDistrust(authenticator, found, nowMs);
  return abi.REASON_NONE;
}

/** The key of the token's kid, else the key without one; a token that names none may also mean an authenticator's only key. */
export function keyOf(authenticator: usize, kidAddress: usize, kidLength: i32): usize {
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
  if (!exists(slot, authenticator)) return abi.REASON_POLICY_MISSING;
  const reason = tokenParse(slot);
  return reason == abi.REASON_NONE ? tokenJudge(authenticator, nowMs) : reason;
}

/**
 * Header, key and signature alone: a JWS in compact form (RFC 7515 §7.1) whose payload may be anything. For published
 * vectors, whose payloads are no claims; its parameters and answers are token_verify's.
 */
export function compact_verify(slot: i32, authenticator: i32): i32 {
  if (!exists(slot, authenticator)) return abi.REASON_POLICY_MISSING;
  const reason = tokenParse(slot); // claims come last: all else is read when they are what is malformed
  if (reason != abi.REASON_NONE && reason != abi.REASON_CLAIMS_MALFORMED) return reason;
  const record = authenticatorRecord(authenticator);
  return algorithm == 1 << abi.ALG_HS256 && headerJudge(record) == abi.REASON_NONE ? signatureJudge(record) : abi.REASON_ALGORITHM_REFUSED;
}

function exists(slot: i32, authenticator: i32): bool {
  return image != 0 && <u32>authenticator < <u32>authenticatorCount && <u32>slot < <u32>abi.CREDENTIAL_SLOTS;
}

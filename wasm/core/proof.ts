// A DPoP proof (RFC 9449 §4.2) and its checks (§4.3), the cheap ones first: the host verifies the signature of a proof that is
// good in all else, for a good token that is bound to the proof's key. One proof is read at a time, beside its token.
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { BY_COSE_KEY, BY_JWK, confirmation, confirmationSet, keyThumbprint } from "./confirmation";
import { authenticatorCount, authenticators, image } from "./image";
import { algorithmNamed } from "./jose-header";
import { numberValue } from "./json-number";
import { memberIsText, memberKeyed, memberKind, memberLength, memberValue, membersEnd } from "./json-object";
import { KIND_NUMBER, KIND_OTHER } from "./json-value";
import { tokenStart } from "./jwt";
import { literalIs, methodName } from "./literal";
import { coseKey, coseKeyLength, jwkText, jwkTextLength, proofKeyRead } from "./proof-key";
import { nonceIsOld, nonceIsOurs, nonceWrite } from "./proof-nonce";
import { proofIsUsed, proofUse, usedKey } from "./proof-replays";
import { uriIsRequested } from "./proof-uri";
import { PROOF_CLAIMS_JSON, PROOF_CLAIMS_MEMBERS, PROOF_HEADER_JSON, PROOF_HEADER_MEMBERS, PROOF_KEY_MEMBERS, PROOF_SIGNATURE } from "./scratch";
import { sha256 } from "./sha256";
import { hashHigh, hashLow, siphash128 } from "./siphash-128";
import { bytesEqual } from "./text";
import { objectRead, partEnd } from "./token-part";

const TYP: u64 = 0x707974;
const ALG: u64 = 0x676c61;
const JWK: u64 = 0x6b776a;
const CRIT: u64 = 0x74697263;
const JTI: u64 = 0x69746a;
const HTM: u64 = 0x6d7468;
const HTU: u64 = 0x757468;
const IAT: u64 = 0x746169;
const ATH: u64 = 0x687461;
const NONCE: u64 = 0x65636e6f6e;

const SYMMETRIC: u32 = (1 << abi.ALG_HS256) | (1 << abi.ALG_HS384) | (1 << abi.ALG_HS512);

const digest: usize = memory.data(64, 16);
const decoded: usize = memory.data(64, 16);

let algorithm: u32 = 0;
let signingLength: i32 = 0;
let signatureLength: i32 = 0;

// The proof whose signature the host verified last, by a keyed hash of its whole text, and what was found. It is about that
// text alone, so it needs no end.
let secretLow: u64 = 0;
let secretHigh: u64 = 0;
let verifiedLow: u64 = 0;
let verifiedHigh: u64 = 0;
let verifiedFound: i32 = abi.VERIFICATION_NEEDED;

/** @param secret 16 bytes that nobody outside this isolate knows */
export function proofBoot(secret: usize): void {
  secretLow = load<u64>(secret);
  secretHigh = load<u64>(secret, 8);
}

/**
 * Judges the request's proof for a token that is bound to a key.
 *
 * @param token the access token as it was sent
 * @returns REASON_NONE = it is good and used up; REASON_*; VERIFICATION_NEEDED = only its signature is left to verify
 */
export function proofJudge(authenticator: i32, token: usize, tokenLength: i32, nowMs: f64): i32 {
  const record = authenticators + <usize>authenticator * abi.AUTH_SIZE;
  if (!proofRead() || !keyIsConfirmed() || !requestIs() || !tokenIs(token, tokenLength)) return abi.REASON_PROOF_INVALID;
  const needsNonce = (load<u32>(record, abi.AUTH_FLAGS) & abi.AUTH_DPOP_NONCE) != 0;
  if (needsNonce && !hasNonce(nowMs)) {
    nonceWrite(nowMs);
    return abi.REASON_NONCE_REQUIRED;
  }
  const issuedS = dateOf(memberKeyed(PROOF_CLAIMS_MEMBERS, IAT, 3));
  if (!isFresh(record, issuedS, nowMs) || !usedKeyRead()) return abi.REASON_PROOF_INVALID;
  if (proofIsUsed(issuedS, nowMs)) return abi.REASON_PROOF_REPLAYED;
  const found = signatureFound();
  if (found == abi.VERIFICATION_NEEDED) verificationWrite(authenticator);
  if (found != abi.REASON_NONE) return found;
  if (!proofUse(issuedS, nowMs)) return abi.REASON_PROOF_REPLAYED;
  if (needsNonce && nonceIsOld) nonceWrite(nowMs);
  return abi.REASON_NONE;
}

/** §4.3 checks 2 to 6, and 7 as far as the key goes: one JWS, its type, an asymmetric algorithm, a public key. */
function proofRead(): bool {
  const length = load<i32>(abi.PROOF_LENGTH);
  if (<u32>length > <u32>abi.MAX_PROOF) return false;
  const end = <usize>abi.PROOF + length;
  const headerDot = partEnd(abi.PROOF, end, PROOF_HEADER_JSON); // a second header follows a comma, which is in no JWS
  if (headerDot == 0 || !objectRead(PROOF_HEADER_JSON, decodedLength, PROOF_HEADER_MEMBERS) || !headerRead()) return false;
  const claimsDot = partEnd(headerDot + 1, end, PROOF_CLAIMS_JSON);
  if (claimsDot == 0 || !objectRead(PROOF_CLAIMS_JSON, decodedLength, PROOF_CLAIMS_MEMBERS)) return false;
  signingLength = <i32>(claimsDot - <usize>abi.PROOF);
  if (base64urlDecode(claimsDot + 1, end, PROOF_SIGNATURE) != end) return false;
  signatureLength = decodedLength;
  return true;
}

function headerRead(): bool {
  const typ = memberKeyed(PROOF_HEADER_MEMBERS, TYP, 3);
  const alg = memberKeyed(PROOF_HEADER_MEMBERS, ALG, 3);
  const jwk = memberKeyed(PROOF_HEADER_MEMBERS, JWK, 3);
  if (!isText(typ) || !isText(alg) || jwk == 0 || memberKind(jwk) != KIND_OTHER) return false;
  if (memberKeyed(PROOF_HEADER_MEMBERS, CRIT, 4) != 0) return false; // as in a token's header
  if (!literalIs("dpop+jwt", memberValue(typ), memberLength(typ))) return false;
  algorithm = memberLength(alg) == 5 ? algorithmNamed(load<u64>(memberValue(alg)) & 0xffffffffff) : 0;
  if (algorithm == 0 || (algorithm & SYMMETRIC) != 0) return false;
  const at = memberValue(jwk);
  return load<u8>(at) == 0x7b && membersEnd(at, PROOF_KEY_MEMBERS) != 0 && proofKeyRead(ctz(algorithm));
}

@inline
function isText(member: usize): bool {
  return member != 0 && memberIsText(member);
}

/** Check 12b. The thumbprint is left in `digest`. */
function keyIsConfirmed(): bool {
  if ((confirmation & BY_COSE_KEY) != 0) {
    sha256(coseKey, coseKeyLength, digest);
    if (!bytesEqual(digest, keyThumbprint, 32)) return false;
  }
  sha256(jwkText, jwkTextLength, digest);
  return (confirmation & BY_JWK) == 0 || bytesEqual(digest, keyThumbprint, 32);
}

/** Checks 8 and 9. */
function requestIs(): bool {
  const htm = memberKeyed(PROOF_CLAIMS_MEMBERS, HTM, 3);
  const htu = memberKeyed(PROOF_CLAIMS_MEMBERS, HTU, 3);
  if (!isText(htm) || memberLength(htm) == 0 || !isText(htu)) return false;
  return literalIs(methodName(), memberValue(htm), memberLength(htm)) && uriIsRequested(memberValue(htu), memberLength(htu));
}

/** Check 12a. */
function tokenIs(token: usize, length: i32): bool {
  const ath = memberKeyed(PROOF_CLAIMS_MEMBERS, ATH, 3);
  if (!isText(ath) || memberLength(ath) != 43) return false;
  const end = memberValue(ath) + 43;
  if (base64urlDecode(memberValue(ath), end, decoded) != end) return false;
  sha256(token, length, decoded + 32);
  return bytesEqual(decoded, decoded + 32, 32);
}

/** Check 10. */
function hasNonce(nowMs: f64): bool {
  const nonce = memberKeyed(PROOF_CLAIMS_MEMBERS, NONCE, 5);
  return isText(nonce) && nonceIsOurs(memberValue(nonce), memberLength(nonce), nowMs);
}

/** A NumericDate, seconds; NaN when there is none. */
function dateOf(member: usize): f64 {
  if (member == 0 || memberKind(member) != KIND_NUMBER) return NaN;
  return numberValue(memberValue(member), memberValue(member) + memberLength(member));
}

/** Check 11. Both ends in whole seconds and widened by the tolerance, as a token's. NaN is never fresh. */
function isFresh(record: usize, issuedS: f64, nowMs: f64): bool {
  const nowS = Math.floor(nowMs / 1000);
  const toleranceS = <f64>load<u32>(record, abi.AUTH_TOLERANCE_S);
  return issuedS <= nowS + toleranceS && issuedS >= nowS - toleranceS - <f64>load<u32>(record, abi.AUTH_PROOF_AGE_S);
}

/** A jti is one of its key (§11.1 asks for no more than the endpoint's): two keys may draw the same. */
function usedKeyRead(): bool {
  const jti = memberKeyed(PROOF_CLAIMS_MEMBERS, JTI, 3);
  if (!isText(jti) || memberLength(jti) == 0) return false;
  memory.copy(usedKey, digest, 32);
  memory.copy(usedKey + 32, memberValue(jti), memberLength(jti));
  siphash128(secretLow, secretHigh, usedKey, 32 + memberLength(jti));
  return true;
}

/** What the host found of this proof's signature; VERIFICATION_NEEDED = it was not asked yet. */
function signatureFound(): i32 {
  siphash128(secretLow, secretHigh, abi.PROOF, load<i32>(abi.PROOF_LENGTH));
  return hashLow == verifiedLow && hashHigh == verifiedHigh ? verifiedFound : abi.VERIFICATION_NEEDED;
}

/** Remembers what the host found of the signature of the request's proof, for the decide() that follows. */
export function proof_remember(found: i32): void {
  siphash128(secretLow, secretHigh, abi.PROOF, max(0, min(load<i32>(abi.PROOF_LENGTH), abi.MAX_PROOF)));
  verifiedLow = hashLow;
  verifiedHigh = hashHigh;
  verifiedFound = found == abi.REASON_NONE ? abi.REASON_NONE : abi.REASON_PROOF_INVALID;
}

function verificationWrite(authenticator: i32): void {
  store<i32>(abi.VERIFY_AUTHENTICATOR, authenticator);
  store<i32>(abi.VERIFY_ALGORITHM, ctz(algorithm));
  store<i32>(abi.VERIFY_SLOT, abi.PROOF_SLOT);
  store<u32>(abi.VERIFY_KID, jwkText);
  store<i32>(abi.VERIFY_KID_LENGTH, jwkTextLength);
  store<u32>(abi.VERIFY_INPUT, abi.PROOF);
  store<i32>(abi.VERIFY_INPUT_LENGTH, signingLength);
  store<u32>(abi.VERIFY_SIGNATURE, PROOF_SIGNATURE);
  store<i32>(abi.VERIFY_SIGNATURE_LENGTH, signatureLength);
}

/**
 * The request's proof against whatever stands in a slot as its token, whoever it is bound to, for one authenticator: for published
 * vectors, whose tokens are no tokens of ours. decide() must have read the request.
 */
export function proof_verify(slot: i32, authenticator: i32, nowMs: f64): i32 {
  if (image == 0 || <u32>authenticator >= <u32>authenticatorCount || <u32>slot >= <u32>abi.CREDENTIAL_SLOTS) return abi.REASON_POLICY_MISSING;
  const credential = <usize>(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE);
  const token = tokenStart(credential, slot);
  const end = credential + load<i32>(abi.REQUEST_CREDENTIAL_LENGTHS + (slot << 2));
  confirmationSet(0);
  return token == 0 || token > end ? abi.REASON_CREDENTIAL_MISSING : proofJudge(authenticator, token, <i32>(end - token), nowMs);
}

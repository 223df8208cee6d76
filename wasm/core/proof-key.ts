// The public key in a DPoP proof's header, written as its thumbprints take it: the required members and no other, sorted, as a
// JWK (RFC 7638 §3) and as a COSE_Key (RFC 9679 §4). The host imports what was hashed, so that both mean one key.
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { memberKeyed, memberKind, memberLength, memberValue } from "./json-object";
import { KIND_STRING } from "./json-value";
import { literalIs, literalWrite } from "./literal";
import { PROOF_COSE_KEY, PROOF_JWK, PROOF_KEY_MEMBERS } from "./scratch";

const KTY: u64 = 0x79746b;
const CRV: u64 = 0x767263;
const X: u64 = 0x78;
const Y: u64 = 0x79;
const N: u64 = 0x6e;
const E: u64 = 0x65;

export const jwkText: usize = PROOF_JWK;
export let jwkTextLength: i32 = 0;
export const coseKey: usize = PROOF_COSE_KEY;
export let coseKeyLength: i32 = 0;

const EXPONENT_SIZE: usize = 16;
const kept: usize = memory.data(16, 8); // an exponent

let jwk: usize = 0;
let cose: usize = 0;

/** Reads the key whose members stand in PROOF_KEY_MEMBERS; false when it is private, malformed, or none for ALG_* `algorithm`. */
export function proofKeyRead(algorithm: i32): bool {
  if (isPrivate()) return false;
  jwk = jwkText;
  cose = coseKey;
  const isWritten = algorithm == abi.ALG_EDDSA ? edwardsWrite() : algorithm < abi.ALG_ES256 ? rsaWrite() : curveWrite(algorithm);
  if (!isWritten) return false;
  jwkTextLength = <i32>(literalWrite('"}', jwk) - jwkText);
  coseKeyLength = <i32>(cose - coseKey);
  return true;
}

/** RFC 7518 §6.2.2, §6.3.2, §6.4.1: d, p, q, dp, dq, qi, oth, k. */
function isPrivate(): bool {
  return has(0x64, 1) || has(0x70, 1) || has(0x71, 1) || has(0x7064, 2) || has(0x7164, 2) || has(0x6971, 2) || has(0x68746f, 3) || has(0x6b, 1);
}

@inline
function has(name: u64, length: i32): bool {
  return memberKeyed(PROOF_KEY_MEMBERS, name, length) != 0;
}

function edwardsWrite(): bool {
  if (!isValue(KTY, "OKP") || !isValue(CRV, "Ed25519")) return false;
  coseStart(0xa3, 1, 6);
  return partWrite('{"crv":"Ed25519","kty":"OKP","x":"', X, 0x21, 32);
}

function curveWrite(algorithm: i32): bool {
  const isP256 = algorithm == abi.ALG_ES256;
  const isP384 = algorithm == abi.ALG_ES384;
  const size = isP256 ? 32 : isP384 ? 48 : 66;
  if (!isValue(KTY, "EC") || !isValue(CRV, isP256 ? "P-256" : isP384 ? "P-384" : "P-521")) return false;
  coseStart(0xa4, 2, isP256 ? 1 : isP384 ? 2 : 3);
  jwk = literalWrite(isP256 ? '{"crv":"P-256"' : isP384 ? '{"crv":"P-384"' : '{"crv":"P-521"', jwk);
  return partWrite(',"kty":"EC","x":"', X, 0x21, size) && partWrite('","y":"', Y, 0x22, size);
}

/** In JSON e comes before n, in CBOR behind it. Whether the modulus is long enough the host says. */
function rsaWrite(): bool {
  if (!isValue(KTY, "RSA")) return false;
  coseStart(0xa3, 3, 0);
  cose -= 2; // an RSA key has no curve
  const exponent = cose;
  if (!partWrite('{"e":"', E, 0x21, 0)) return false;
  const length = cose - exponent;
  if (length > EXPONENT_SIZE) return false; // any that is in use is three bytes long
  memory.copy(kept, exponent, length);
  cose = exponent;
  if (!partWrite('","kty":"RSA","n":"', N, 0x20, 0)) return false;
  memory.copy(cose, kept, length);
  cose += length;
  return true;
}

function isValue(name: u64, value: string): bool {
  const member = memberKeyed(PROOF_KEY_MEMBERS, name, 3);
  return member != 0 && memberKind(member) == KIND_STRING && literalIs(value, memberValue(member), memberLength(member));
}

/** Head of the map, then kty and crv (RFC 9053 §7.1, 7.2). */
function coseStart(head: u8, type: u8, curve: u8): void {
  store<u8>(cose, head);
  store<u8>(cose, 1, 1);
  store<u8>(cose, type, 2);
  store<u8>(cose, 0x20, 3);
  store<u8>(cose, curve, 4);
  cose += 5;
}

/** Writes one member of bytes, behind `before`; false when it is no base64url, or not of `size` bytes (0 = of any). */
function partWrite(before: string, name: u64, label: u8, size: i32): bool {
  const member = memberKeyed(PROOF_KEY_MEMBERS, name, 1);
  if (member == 0 || memberKind(member) != KIND_STRING || memberLength(member) == 0) return false;
  const from = memberValue(member);
  const length = memberLength(member);
  jwk = literalWrite(before, jwk);
  memory.copy(jwk, from, length);
  jwk += length;
  store<u8>(cose, label);
  cose = bytesHead(cose + 1, (length * 6) >> 3);
  if (base64urlDecode(from, from + length, cose) != from + length || (size != 0 && decodedLength != size)) return false;
  cose += decodedLength;
  return true;
}

/** Head of a byte string (RFC 8949 §3). */
function bytesHead(at: usize, length: i32): usize {
  if (length < 24) {
    store<u8>(at, <u8>(0x40 + length));
    return at + 1;
  }
  if (length < 256) {
    store<u8>(at, 0x58);
    store<u8>(at, <u8>length, 1);
    return at + 2;
  }
  store<u8>(at, 0x59);
  store<u16>(at, bswap<u16>(<u16>length), 1);
  return at + 3;
}

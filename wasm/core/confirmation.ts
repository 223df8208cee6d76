// What a token's `cnf` (RFC 7800 §3.1) says it is bound to. RFC 7800 leaves it to the application which members it must
// understand: here one of them at least, because an issuer that writes `cnf` meant the token to be no bearer token. What stands
// beside a member that is understood is ignored, as §3.1 has it.
import { base64urlDecode, decodedLength } from "./base64url";
import { memberIsText, memberKeyed, memberKind, memberLength, memberValue, membersEnd } from "./json-object";
import { KIND_OTHER } from "./json-value";
import { CONFIRMATION_MEMBERS } from "./scratch";

export const BY_CERTIFICATE: u32 = 1; // x5t#S256 (RFC 8705 §3.1)
export const BY_JWK: u32 = 2; // jkt (RFC 9449 §6.1)
export const BY_COSE_KEY: u32 = 4; // COSE_Key (RFC 8747 §3.2), ckt (RFC 9679 §5.6)
export const UNKNOWN: u32 = 8; // nothing that is understood: nothing proves possession of it

const CNF: u64 = 0x666e63;
const JKT: u64 = 0x746b6a;
const X5T_S256: u64 = 0x3635325323743578;

/** Bits of the token that was judged last; 0 = it is a bearer token. */
export let confirmation: u32 = 0;
/** SHA-256 thumbprints of 32 bytes; they mean something with their bits. */
export const certificateThumbprint: usize = memory.data(64, 16);
export const keyThumbprint: usize = memory.data(64, 16);

export function confirmationSet(bits: u32): void {
  confirmation = bits;
}

/** Reads `cnf` of the claims in `table`; false when it is malformed. */
export function confirmationRead(table: usize): bool {
  confirmation = 0;
  const cnf = memberKeyed(table, CNF, 3);
  if (cnf == 0) return true;
  const at = memberValue(cnf);
  if (memberKind(cnf) != KIND_OTHER || load<u8>(at) != 0x7b || membersEnd(at, CONFIRMATION_MEMBERS) == 0) return false;
  const jkt = memberKeyed(CONFIRMATION_MEMBERS, JKT, 3);
  const x5t = memberKeyed(CONFIRMATION_MEMBERS, X5T_S256, 8);
  if ((jkt != 0 && !thumbprintRead(jkt, keyThumbprint)) || (x5t != 0 && !thumbprintRead(x5t, certificateThumbprint))) return false;
  confirmation = (jkt != 0 ? BY_JWK : 0) | (x5t != 0 ? BY_CERTIFICATE : 0);
  if (confirmation == 0) confirmation = UNKNOWN;
  return true;
}

function thumbprintRead(member: usize, out: usize): bool {
  if (!memberIsText(member)) return false;
  const end = memberValue(member) + memberLength(member);
  return base64urlDecode(memberValue(member), end, out) == end && decodedLength == 32;
}

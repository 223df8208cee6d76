// Who may write where in SCRATCH. What a token said stands here until the next token is parsed; other parts of the core
// use the room from SCRATCH_FREE on.
import { MAX_CLAIMS, MAX_PATH, MAX_PROOF, MAX_TOKEN, PROOF_ROOM, SCRATCH, SCRATCH_SIZE, USED_PROOFS } from "../abi";

const ROOM_BEHIND: usize = 64; // for loads of 16 bytes past an end, and for the sentinel behind a JSON text
const DECODED_SIZE: usize = <usize>((MAX_TOKEN / 4) * 3) + ROOM_BEHIND;

export const MEMBER_SIZE: usize = 32; // see json-object.ts
export const MEMBERS_SIZE: usize = 80 + <usize>MAX_CLAIMS * MEMBER_SIZE; // index, count, members

export const HEADER_JSON: usize = SCRATCH; // a token's header, decoded
export const CLAIMS_JSON: usize = HEADER_JSON + DECODED_SIZE;
export const SIGNATURE: usize = CLAIMS_JSON + DECODED_SIZE;
export const HEADER_MEMBERS: usize = SIGNATURE + DECODED_SIZE;
export const CLAIMS_MEMBERS: usize = HEADER_MEMBERS + MEMBERS_SIZE;
// Unescaped strings. Each string of header and claims is unescaped at most once, and scopes are joined at most once: twice the
// largest text. A proof is half as long, and only the names in its key are unescaped twice: once more.
export const TEXT: usize = CLAIMS_MEMBERS + MEMBERS_SIZE;
export const SCRATCH_FREE: usize = TEXT + 3 * DECODED_SIZE;

// A credential's scopes and those that a grant adds, until the next decide(): behind the room of those other parts, at the end.
export const GRANTED_SCOPES: usize = SCRATCH_FREE + 2 * <usize>MAX_PATH;
export const GRANTED_SCOPES_SIZE: i32 = SCRATCH + SCRATCH_SIZE - <i32>GRANTED_SCOPES;

// A DPoP proof is read while what its token said still counts, so it has room of its own; so has a token's cnf.
const PROOF_DECODED: usize = <usize>((MAX_PROOF / 4) * 3) + ROOM_BEHIND;
export const PROOF_HEADER_JSON: usize = PROOF_ROOM;
export const PROOF_CLAIMS_JSON: usize = PROOF_HEADER_JSON + PROOF_DECODED;
export const PROOF_SIGNATURE: usize = PROOF_CLAIMS_JSON + PROOF_DECODED;
export const PROOF_HEADER_MEMBERS: usize = PROOF_SIGNATURE + PROOF_DECODED;
export const PROOF_CLAIMS_MEMBERS: usize = PROOF_HEADER_MEMBERS + MEMBERS_SIZE;
export const PROOF_KEY_MEMBERS: usize = PROOF_CLAIMS_MEMBERS + MEMBERS_SIZE;
export const PROOF_JWK: usize = PROOF_KEY_MEMBERS + MEMBERS_SIZE; // the proof's key as its thumbprint takes it, in JSON
export const PROOF_COSE_KEY: usize = PROOF_JWK + PROOF_DECODED; // … and in CBOR
export const PROOF_TEXT: usize = PROOF_COSE_KEY + PROOF_DECODED; // htu normalized, then what a used proof is known by
export const PROOF_ROOM_END: usize = PROOF_TEXT + PROOF_DECODED + 32;
// Before any proof is read.
export const CONFIRMATION_MEMBERS: usize = PROOF_KEY_MEMBERS;
export const CONFIRMATION_KEY: usize = PROOF_HEADER_JSON; // as long as a token at most, and two parts have room for that

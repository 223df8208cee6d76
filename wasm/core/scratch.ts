// Who may write where in SCRATCH. What a token said stands here until the next token is parsed; other parts of the core
// use the room from SCRATCH_FREE on.
import { MAX_CLAIMS, MAX_PATH, MAX_TOKEN, SCRATCH, SCRATCH_SIZE } from "../abi";

const ROOM_BEHIND: usize = 64; // for loads of 16 bytes past an end, and for the sentinel behind a JSON text
const DECODED_SIZE: usize = <usize>((MAX_TOKEN / 4) * 3) + ROOM_BEHIND;

export const MEMBER_SIZE: usize = 32; // see json-object.ts
export const MEMBERS_SIZE: usize = 80 + <usize>MAX_CLAIMS * MEMBER_SIZE; // index, count, members

export const HEADER_JSON: usize = SCRATCH; // a token's header, decoded
export const CLAIMS_JSON: usize = HEADER_JSON + DECODED_SIZE;
export const SIGNATURE: usize = CLAIMS_JSON + DECODED_SIZE;
export const HEADER_MEMBERS: usize = SIGNATURE + DECODED_SIZE;
export const CLAIMS_MEMBERS: usize = HEADER_MEMBERS + MEMBERS_SIZE;
// Unescaped strings. Each string of header and claims is unescaped at most once, and scopes are joined at most once, so
// three times the largest text is more than can be asked for.
export const TEXT: usize = CLAIMS_MEMBERS + MEMBERS_SIZE;
export const SCRATCH_FREE: usize = TEXT + 3 * DECODED_SIZE;

// A credential's scopes and those that a grant adds, until the next decide(): behind the room of those other parts, at the end.
export const GRANTED_SCOPES: usize = SCRATCH_FREE + 2 * <usize>MAX_PATH;
export const GRANTED_SCOPES_SIZE: i32 = SCRATCH + SCRATCH_SIZE - <i32>GRANTED_SCOPES;

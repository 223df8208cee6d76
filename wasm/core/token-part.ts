// A part of a token in compact form (RFC 7515 §7.1) that a dot ends, and the JSON object in it.
import { base64urlDecode } from "./base64url";
import { membersEnd } from "./json-object";
import { skipSpace } from "./json-value";

const DOT: u32 = 0x2e;

/** Decodes the part at `at` to `out`; returns the dot's address, 0 when the part is malformed. */
@inline
export function partEnd(at: usize, end: usize, out: usize): usize {
  if (at > end) return 0;
  at = base64urlDecode(at, end, out);
  return at != 0 && at < end && load<u8>(at) == DOT ? at : 0;
}

/** Reads a JSON text that must be one object into a table of its members (json-object.ts). */
@inline
export function objectRead(json: usize, length: i32, table: usize): bool {
  store<u8>(json + length, 0); // the JSON reader's sentinel
  let at = skipSpace(json);
  if (load<u8>(at) != 0x7b) return false;
  at = membersEnd(at, table);
  return at != 0 && skipSpace(at) == json + length;
}

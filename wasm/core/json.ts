// A whole JSON text, checked as a token's header and claims are.
import { MAX_TOKEN } from "../abi";
import { membersEnd } from "./json-object";
import { textClear } from "./json-string";
import { JSON_MALFORMED, JSON_OK, JSON_TOO_LONG, jsonError, skipSpace, valueEnd } from "./json-value";
import { CLAIMS_MEMBERS } from "./scratch";

/**
 * Checks a whole text of any type. The byte behind it is set to zero; up to 16 bytes behind it are read.
 *
 * @returns JSON_*
 */
export function json_scan(address: usize, length: i32): i32 {
  if (<u32>length > <u32>MAX_TOKEN) return JSON_TOO_LONG;
  textClear();
  const end = address + length;
  store<u8>(end, 0);
  let at = skipSpace(address);
  at = load<u8>(at) == 0x7b ? membersEnd(at, CLAIMS_MEMBERS) : valueEnd(at, 0);
  if (at == 0) return jsonError;
  return skipSpace(at) == end ? JSON_OK : JSON_MALFORMED;
}

// Scopes: a space-separated list of words (RFC 6749 §3.3), compared whole and case-sensitively.
import * as abi from "../abi";
import { operations, refAt, stringAddress, stringLength } from "./image";
import { bytesEqual } from "./text";

const SPACE: u8 = 0x20;

/** Has the caller every scope that the operation needs, in the list at `scopes` or by one of its roles? */
export function scopesSuffice(operation: i32, scopes: usize, length: i32, roles: u32): bool {
  const record = operations + <usize>operation * abi.OPERATION_SIZE;
  const first = load<i32>(record + abi.OPERATION_SCOPES_FIRST);
  const count = load<i32>(record + abi.OPERATION_SCOPES_COUNT);
  const carriers = load<i32>(record + abi.OPERATION_CARRIERS_FIRST);
  for (let i = 0; i < count; i++) {
    if ((<u32>refAt(carriers + i) & roles) != 0) continue;
    const needed = refAt(first + i);
    if (!holdsWord(scopes, scopes + length, stringAddress(needed), stringLength(needed))) return false;
  }
  return true;
}

function holdsWord(at: usize, end: usize, word: usize, length: i32): bool {
  while (at < end) {
    let wordEnd = at;
    while (wordEnd < end && load<u8>(wordEnd) != SPACE) wordEnd++;
    if (<i32>(wordEnd - at) == length && bytesEqual(at, word, length)) return true;
    at = wordEnd + 1;
  }
  return false;
}

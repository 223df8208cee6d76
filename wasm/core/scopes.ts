// Scopes: a space-separated list of words (RFC 6749 §3.3), compared whole and case-sensitively.
import * as abi from "../abi";
import { operations, refAt, stringAddress, stringLength } from "./image";
import { bytesEqual } from "./text";

const SPACE: u8 = 0x20;

/** Does the list at `scopes` hold every scope that the operation needs? */
export function scopesSuffice(operation: i32, scopes: usize, length: i32): bool {
  const record = operations + <usize>operation * abi.OPERATION_SIZE;
  const first = load<i32>(record + abi.OPERATION_SCOPES_FIRST);
  const count = load<i32>(record + abi.OPERATION_SCOPES_COUNT);
  for (let i = 0; i < count; i++) {
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

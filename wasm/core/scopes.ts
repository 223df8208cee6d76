// Scopes: what the caller's credential carries, and what is granted to the caller beside it for a time.
import * as abi from "../abi";
import { grantsReset, isGranted } from "./grants";
import { operations, refAt, stringAddress, stringLength } from "./image";
import { GRANTED_SCOPES, GRANTED_SCOPES_SIZE } from "./scratch";
import { holdsWord } from "./words";

/**
 * Has the authenticated caller every scope that the operation needs, in its credential's list, by a role or by a grant? Those
 * that only a grant gives are added to VERDICT_SCOPES, so that the upstream sees with what the request was let pass.
 */
export function scopesSuffice(operation: i32, nowMs: f64): bool {
  const record = operations + <usize>operation * abi.OPERATION_SIZE;
  const first = load<i32>(record + abi.OPERATION_SCOPES_FIRST);
  const count = load<i32>(record + abi.OPERATION_SCOPES_COUNT);
  const carriers = load<i32>(record + abi.OPERATION_CARRIERS_FIRST);
  const roles = load<u32>(abi.VERDICT_ROLES);
  grantsReset();
  for (let i = 0; i < count; i++) {
    if ((<u32>refAt(carriers + i) & roles) != 0) continue;
    const needed = refAt(first + i);
    const scopes = load<usize>(abi.VERDICT_SCOPES);
    const length = load<i32>(abi.VERDICT_SCOPES_LENGTH);
    const word = stringAddress(needed);
    const wordLength = stringLength(needed);
    if (holdsWord(scopes, scopes + length, word, wordLength)) continue;
    if (!isGranted(word, wordLength, nowMs) || !addScope(scopes, length, word, wordLength)) return false;
  }
  return true;
}

/** False when the longer list would not fit. */
function addScope(scopes: usize, length: i32, word: usize, wordLength: i32): bool {
  if (length + 1 + wordLength > GRANTED_SCOPES_SIZE) return false;
  memory.copy(GRANTED_SCOPES, scopes, length); // from itself after the first: changes nothing
  if (length > 0) store<u8>(GRANTED_SCOPES + length++, 0x20);
  memory.copy(GRANTED_SCOPES + length, word, wordLength);
  store<u32>(abi.VERDICT_SCOPES, GRANTED_SCOPES);
  store<i32>(abi.VERDICT_SCOPES_LENGTH, length + wordLength);
  return true;
}

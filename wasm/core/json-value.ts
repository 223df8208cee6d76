// A strict JSON reader over bytes (RFC 8259): it checks the whole text once, builds nothing, and is bounded in depth. The text
// has a zero byte behind it, which no JSON text contains: so no step compares with an end.
import { MAX_JSON_DEPTH } from "../abi";
import { numberEnd } from "./json-number";
import { stringEnd } from "./json-string";

export const JSON_OK: i32 = 0;
export const JSON_MALFORMED: i32 = 1;
export const JSON_TOO_DEEP: i32 = 2; // deeper than MAX_JSON_DEPTH
export const JSON_TOO_MANY: i32 = 3; // more than MAX_CLAIMS members in the outer object
export const JSON_DUPLICATE: i32 = 4; // a name twice in the outer object
export const JSON_TOO_LONG: i32 = 5; // longer than any token

export const KIND_STRING: i32 = 1;
export const KIND_ESCAPED: i32 = 2; // a string whose escapes are not undone yet
export const KIND_NUMBER: i32 = 3;
export const KIND_ARRAY: i32 = 4;
export const KIND_OTHER: i32 = 5; // object, true, false, null

/** Why the last function here answered 0. */
export let jsonError: i32 = JSON_OK;

export function jsonFail(code: i32): usize {
  jsonError = code;
  return 0;
}

/** The first byte from `at` on that is no space, tab, line feed or carriage return. */
@inline
export function skipSpace(at: usize): usize {
  while (true) {
    const c = load<u8>(at);
    if (c > 0x20 || (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09)) return at;
    at++;
  }
}

/** KIND_* by the first byte of a value that valueEnd has accepted and that is no string. */
@inline
export function valueKind(at: usize): i32 {
  const c = load<u8>(at);
  if (c == 0x5b) return KIND_ARRAY;
  return c < 0x40 ? KIND_NUMBER : KIND_OTHER; // - and digits are below all of { t f n
}

/**
 * Address behind the value at `at`; 0 when it is malformed or too deep (`jsonError`).
 *
 * @param depth containers that are open around it
 */
export function valueEnd(at: usize, depth: i32): usize {
  let end: usize = 0;
  switch (load<u8>(at)) {
    case 0x22: {
      end = stringEnd(at + 1);
      if (end != 0) end++;
      break;
    }
    case 0x5b:
    case 0x7b:
      return containerEnd(at, depth);
    case 0x74:
      if (load<u32>(at) == 0x65757274) end = at + 4; // true
      break;
    case 0x66:
      if (load<u32>(at, 1) == 0x65736c61) end = at + 5; // f, alse
      break;
    case 0x6e:
      if (load<u32>(at) == 0x6c6c756e) end = at + 4; // null
      break;
    default:
      end = numberEnd(at);
  }
  return end != 0 ? end : jsonFail(JSON_MALFORMED);
}

/** As valueEnd, for `[` and `{`. Recursion is bounded by MAX_JSON_DEPTH. */
function containerEnd(at: usize, depth: i32): usize {
  if (depth >= MAX_JSON_DEPTH) return jsonFail(JSON_TOO_DEEP);
  const isObject = load<u8>(at) == 0x7b;
  const close: u32 = isObject ? 0x7d : 0x5d;
  at = skipSpace(at + 1);
  if (load<u8>(at) == close) return at + 1;
  while (true) {
    if (isObject) {
      at = nameEnd(at);
      if (at == 0) return 0;
    }
    at = valueEnd(at, depth + 1);
    if (at == 0) return 0;
    at = skipSpace(at);
    const next = load<u8>(at);
    if (next == close) return at + 1;
    if (next != 0x2c) return jsonFail(JSON_MALFORMED);
    at = skipSpace(at + 1);
  }
}

/** From a member's name to the first byte of its value; 0 when there is no name and colon. */
function nameEnd(at: usize): usize {
  if (load<u8>(at) != 0x22) return jsonFail(JSON_MALFORMED);
  at = stringEnd(at + 1);
  if (at == 0) return jsonFail(JSON_MALFORMED);
  at = skipSpace(at + 1);
  return load<u8>(at) == 0x3a ? skipSpace(at + 1) : jsonFail(JSON_MALFORMED);
}

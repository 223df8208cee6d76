// The outer object of a token's header or claims, read once into a table of its members. Names are compared as what they
// say, not as they are spelt: a member that stands twice, once with escapes, is two readings of one token.
import { MAX_CLAIMS } from "../abi";
import { digitsEnd } from "./json-number";
import { loneSurrogate, shortStringEnd, stringEscaped, textDrop, unescape, unescaped } from "./json-string";
import {
  JSON_DUPLICATE, JSON_MALFORMED, JSON_TOO_MANY, KIND_ESCAPED, KIND_NUMBER, KIND_STRING, jsonFail, skipSpace, valueEnd, valueKind,
} from "./json-value";
import { MEMBER_SIZE } from "./scratch";
import { bytesEqual } from "./text";

// A table: members in the order of the text, and a byte for each hash of a name, 1 + the first member with that hash.
const INDEX_SIZE: usize = 64;
const COUNT: usize = 64; // i32
const MEMBERS: usize = 80;

const NAME: usize = 0; // u32 address
const NAME_LENGTH: usize = 4; // i32
const NAME_KEY: usize = 8; // u64 the last eight bytes of the name, zeros behind a shorter one
const VALUE: usize = 16; // u32 address: of a string, behind the quote
const VALUE_LENGTH: usize = 20; // i32: of a string, without the quotes
const VALUE_KIND: usize = 24; // i32 KIND_*

@inline
export function memberValue(member: usize): usize {
  return load<u32>(member, VALUE);
}

@inline
export function memberLength(member: usize): i32 {
  return load<i32>(member, VALUE_LENGTH);
}

@inline
export function memberKind(member: usize): i32 {
  return load<i32>(member, VALUE_KIND);
}

/** Undoes a member's escapes; false when it is no string, or one that UTF-8 cannot hold. */
export function memberIsText(member: usize): bool {
  const kind = memberKind(member);
  if (kind != KIND_ESCAPED) return kind == KIND_STRING;
  const from = memberValue(member);
  const length = unescape(from, from + memberLength(member));
  if (loneSurrogate) {
    textDrop(); // it stays escaped, so that it is refused again, however often
    return false;
  }
  setValue(member, unescaped, unescaped + length, KIND_STRING);
  return true;
}

/** The name's last eight bytes: namespaced names (https://…/roles) differ at their end. */
@inline
export function nameKey(address: usize, length: i32): u64 {
  if (length >= 8) return load<u64>(address + length - 8);
  return load<u64>(address) & ((<u64>1 << (<u64>length << 3)) - 1);
}

// Six bits, by Fibonacci hashing (Knuth, TAOCP vol. 3, §6.4).
@inline
function nameHash(key: u64, length: i32): usize {
  return <usize>(((key ^ (<u64>length << 56)) * 0x9e3779b97f4a7c15) >> 58);
}

/**
 * Reads the object at `at` into `table`.
 *
 * @returns address behind it; 0 when it is malformed, too deep, has a name twice or too many members (`jsonError`)
 */
export function membersEnd(at: usize, table: usize): usize {
  for (let i: usize = 0; i < INDEX_SIZE; i += 16) v128.store(table + i, i64x2.splat(0));
  store<i32>(table, 0, COUNT);
  let member = table + MEMBERS;
  at = skipSpace(at + 1);
  if (load<u8>(at) == 0x7d) return at + 1;
  for (let count = 1; count <= MAX_CLAIMS; count++) {
    at = readName(at, table, member, count);
    if (at == 0) return 0;
    at = readValue(at, member);
    if (at == 0) return 0;
    store<i32>(table, count, COUNT);
    member += MEMBER_SIZE;
    at = skipSpace(at);
    const next = load<u8>(at);
    if (next == 0x7d) return at + 1;
    if (next != 0x2c) return jsonFail(JSON_MALFORMED);
    at = skipSpace(at + 1);
  }
  return jsonFail(JSON_TOO_MANY);
}

/** Reads the name at `at` into `member`, the table's `count`-th; returns the address of the value, 0 when there is none. */
@inline
function readName(at: usize, table: usize, member: usize, count: i32): usize {
  if (load<u8>(at) != 0x22) return jsonFail(JSON_MALFORMED);
  let name = at + 1;
  const end = shortStringEnd(name);
  if (end == 0) return jsonFail(JSON_MALFORMED);
  let length = <i32>(end - name);
  if (stringEscaped) {
    length = unescape(name, end);
    name = unescaped;
  }
  const key = nameKey(name, length);
  const index = table + nameHash(key, length);
  if (load<u8>(index) == 0) store<u8>(index, <u8>count);
  else if (memberAmong(table, name, length, key) != 0) return jsonFail(JSON_DUPLICATE);
  store<u32>(member, name, NAME);
  store<i32>(member, length, NAME_LENGTH);
  store<u64>(member, key, NAME_KEY);
  at = skipSpace(end + 1);
  return load<u8>(at) == 0x3a ? skipSpace(at + 1) : jsonFail(JSON_MALFORMED);
}

/** Reads the value at `at` into `member`; returns the address behind it, 0 when it is malformed. */
@inline
function readValue(at: usize, member: usize): usize {
  if (load<u8>(at) == 0x22) {
    const end = shortStringEnd(at + 1);
    if (end == 0) return jsonFail(JSON_MALFORMED);
    setValue(member, at + 1, end, stringEscaped ? KIND_ESCAPED : KIND_STRING);
    return end + 1;
  }
  if (<u32>load<u8>(at) - 0x31 < 9) { // 1 … 9: mostly a date
    const end = digitsEnd(at);
    if (load<u8>(end) == 0x2c || load<u8>(end) == 0x7d) {
      setValue(member, at, end, KIND_NUMBER);
      return end;
    }
  }
  const end = valueEnd(at, 1);
  if (end != 0) setValue(member, at, end, valueKind(at));
  return end;
}

@inline
function setValue(member: usize, from: usize, to: usize, kind: i32): void {
  store<u32>(member, from, VALUE);
  store<i32>(member, <i32>(to - from), VALUE_LENGTH);
  store<i32>(member, kind, VALUE_KIND);
}

/** The member of that name among those read so far, 0 = none: for the rare case that two names share a hash. */
function memberAmong(table: usize, name: usize, length: i32, key: u64): usize {
  let member = table + MEMBERS;
  for (let left = load<i32>(table, COUNT); left > 0; left--, member += MEMBER_SIZE) {
    if (isNamed(member, name, length, key)) return member;
  }
  return 0;
}

@inline
function isNamed(member: usize, name: usize, length: i32, key: u64): bool {
  return load<u64>(member, NAME_KEY) == key && load<i32>(member, NAME_LENGTH) == length
    && (length <= 8 || bytesEqual(load<u32>(member, NAME), name, length));
}

/** The member of that name, 0 = none. */
export function memberNamed(table: usize, name: usize, length: i32): usize {
  const key = nameKey(name, length);
  return load<u8>(table + nameHash(key, length)) == 0 ? 0 : memberAmong(table, name, length, key);
}

/** The member whose name has `length` ≤ 8 bytes, which are those of `key`, lowest first; 0 = none. */
@inline
export function memberKeyed(table: usize, key: u64, length: i32): usize {
  const first = <usize>load<u8>(table + nameHash(key, length));
  if (first == 0) return 0;
  const member = table + MEMBERS + (first - 1) * MEMBER_SIZE;
  return isNamed(member, 0, length, key) ? member : memberAmong(table, 0, length, key);
}

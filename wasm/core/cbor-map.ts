// A map of a token, its headers or its claims, read once into a table of its members.
import { MAX_CLAIMS } from "../abi";
import { argument, headEnd, MAP, major, membersEnd } from "./cbor";
import { bytesEqual } from "./text";

// A table: where the values of the keys 0 … 15 stand, 0 = there is none; then the members, as membersEnd notes them.
const COUNT: usize = 64; // i32
const MEMBERS: usize = 72;

export const MAP_TABLE_SIZE: usize = MEMBERS + <usize>MAX_CLAIMS * 8;

/** Makes `table` that of an empty map. */
export function mapClear(table: usize): void {
  for (let i: usize = 0; i < MEMBERS; i += 8) store<u64>(table + i, 0);
}

/** Reads the map at `at` into `table`; returns the address behind it, 0 when it is malformed or has more than MAX_CLAIMS members. */
export function mapRead(at: usize, end: usize, table: usize): usize {
  mapClear(table);
  at = headEnd(at, end);
  if (at == 0 || major != MAP || argument > <u64>MAX_CLAIMS) return 0;
  const count = <i32>argument;
  at = membersEnd(at, end, argument, 1, table + MEMBERS);
  if (at == 0) return 0;
  store<i32>(table, count, COUNT);
  const last = table + MEMBERS + (<usize>count << 3);
  // Sorted by their bytes, the keys 0 … 15 come first.
  for (let member = table + MEMBERS; member < last && keyByte(member) < 16; member += 8) {
    store<u32>(table + (keyByte(member) << 2), load<u32>(member, 4));
  }
  return at;
}

@inline
function keyByte(member: usize): usize {
  return load<u8>(load<u32>(member));
}

/** Address of the value whose key is the integer `key`, 0 … 15; 0 = there is none. */
@inline
export function valueAt(table: usize, key: usize): usize {
  return load<u32>(table + (key << 2));
}

/** Address of the value whose key is encoded as the `length` bytes at `key`; 0 = there is none. */
export function valueOf(table: usize, key: usize, length: i32): usize {
  let member = table + MEMBERS;
  for (let left = load<i32>(table, COUNT); left > 0; left--, member += 8) {
    const at = load<u32>(member);
    if (load<u32>(member, 4) - at == length && bytesEqual(at, key, length)) return load<u32>(member, 4);
  }
  return 0;
}

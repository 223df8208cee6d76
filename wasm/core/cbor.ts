// A strict CBOR reader over bytes: well-formed (RFC 8949 §5.3.1), in the core deterministic encoding (§4.2.1): definite
// lengths, shortest forms, maps sorted by their keys' bytes, so that no key stands twice and one value has one spelling.
// It checks a whole item once, builds nothing, and is bounded in depth. Up to 8 bytes behind the end are read.
import { MAX_JSON_DEPTH, MAX_TOKEN } from "../abi";
import { floatValue, isShortest } from "./cbor-float";
import { bytesOrder } from "./text";
import { isUtf8 } from "./utf8";

export const UNSIGNED: i32 = 0;
export const NEGATIVE: i32 = 1;
export const BYTES: i32 = 2;
export const TEXT: i32 = 3;
export const ARRAY: i32 = 4;
export const MAP: i32 = 5;
export const TAG: i32 = 6;
export const SIMPLE: i32 = 7; // false, true, null, undefined, floats

/** What headEnd read: the major type, and its argument (§3). */
export let major: i32 = 0;
export let argument: u64 = 0;

/** Where the string that stringEnd read stands. */
export let contentAddress: usize = 0;
export let contentLength: i32 = 0;

@inline
export function majorAt(at: usize): i32 {
  return <i32>load<u8>(at) >> 5;
}

/** Address behind the head at `at`; 0 when there is none, or one that is not the shortest, or of indefinite length. */
export function headEnd(at: usize, end: usize): usize {
  if (at >= end) return 0;
  const info = <i32>load<u8>(at) & 31;
  major = majorAt(at);
  argument = info;
  at++;
  if (info < 24) return at;
  if (info > 27) return 0;
  const size = 1 << (info - 24);
  argument = bswap<u64>(load<u64>(at)) >> (64 - (size << 3));
  at += size;
  if (at > end) return 0;
  const least: u64 = size == 1 ? 24 : <u64>1 << (size << 2);
  return major == SIMPLE || argument >= least ? at : 0; // a float's argument is no number
}

/** Address behind the byte or text string at `at`, whose major type is to be `type`; 0 when it is none. */
export function stringEnd(at: usize, end: usize, type: i32): usize {
  at = headEnd(at, end);
  if (at == 0 || major != type || argument > <u64>(end - at)) return 0;
  contentAddress = at;
  contentLength = <i32>argument;
  at += <usize>argument;
  return type == BYTES || isUtf8(contentAddress, at) ? at : 0;
}

/** As stringEnd, for an item that itemEnd has accepted; false when it is of another type. */
export function contentRead(at: usize, type: i32): bool {
  if (majorAt(at) != type) return false;
  contentAddress = headEnd(at, at + 9);
  contentLength = <i32>argument;
  return true;
}

/**
 * Address behind the item at `at`; 0 when it is malformed or too deep. Recursion is bounded by MAX_JSON_DEPTH, and a
 * count that lies is found where the bytes end.
 *
 * @param depth arrays, maps and tags that are open around it
 */
export function itemEnd(at: usize, end: usize, depth: i32): usize {
  const start = at;
  at = headEnd(at, end);
  if (at == 0 || major <= NEGATIVE) return at;
  if (major <= TEXT) return stringEnd(start, end, major);
  if (major == SIMPLE) return isShortest(<i32>load<u8>(start) & 31, argument) ? at : 0;
  if (depth >= MAX_JSON_DEPTH) return 0;
  if (major == MAP) return membersEnd(at, end, argument, depth + 1, 0);
  for (let left = major == TAG ? 1 : argument; left > 0; left--) {
    at = itemEnd(at, end, depth + 1);
    if (at == 0) return 0;
  }
  return at;
}

/**
 * Address behind a map's members; 0 when one is malformed. Keys are integers and texts (RFC 9052 §1.4, RFC 8392 §1.1).
 *
 * @param members where to note {u32 address of the key, u32 of the value} of each, 0 = nowhere
 */
export function membersEnd(at: usize, end: usize, count: u64, depth: i32, members: usize): usize {
  let previous: usize = 0;
  let previousLength: usize = 0;
  for (; count > 0; count--) {
    const key = at;
    at = itemEnd(key, end, depth);
    if (at == 0 || (majorAt(key) > NEGATIVE && majorAt(key) != TEXT)) return 0;
    const length = at - key;
    // No key's encoding is the beginning of another's, so the shorter length decides.
    if (previous != 0 && bytesOrder(previous, key, <i32>min(previousLength, length)) >= 0) return 0;
    if (members != 0) {
      store<u32>(members, key);
      store<u32>(members, at, 4);
      members += 8;
    }
    previous = key;
    previousLength = length;
    at = itemEnd(at, end, depth);
    if (at == 0) return 0;
  }
  return at;
}

/** The number at `at`, an item that itemEnd has accepted, as a double; NaN when it is none. */
export function numberAt(at: usize): f64 {
  headEnd(at, at + 9);
  if (major == UNSIGNED) return <f64>argument;
  if (major == NEGATIVE) return -1 - <f64>argument;
  return major == SIMPLE ? floatValue(<i32>load<u8>(at) & 31, argument) : NaN;
}

/** Is a whole text of `length` bytes one strict item? 1 or 0. */
export function cbor_scan(address: usize, length: i32): i32 {
  return <i32>(<u32>length <= <u32>MAX_TOKEN && itemEnd(address, address + length, 0) == address + length);
}

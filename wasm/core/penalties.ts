// The penalty box, as far as the core goes: which keys the region blocks, and which keys of limits with a penalty were refused since
// the last report. Who is blocked is not refused again by the limit, so that whoever retries meanwhile is let out all the same.
import * as abi from "../abi";
import { cut } from "./event";
import { exempt } from "./exemptions";
import { gcraKey } from "./gcra";
import { limits, refAt } from "./image";
import { limitKey } from "./limit-key";
import { textCopy } from "./text";

// A block: {u64 key, 0 = never used; f64 until when, ms, 0 = let out}. Open addressing: what is over keeps its place in the chain.
const UNTIL_MS: usize = 8;
const BLOCK_SIZE: usize = 16;

/** A refused key stands within so many places of its own, or it is not listed. */
const PROBES: i32 = 16;
/** Keys that are listed only because they are blocked: they shall not crowd out those that are about to be. */
const MAX_KNOCKING: i32 = 64;

let blocks: i32 = 0; // places with a key
let unkept: i32 = 0;
let listed: i32 = 0;
let knocking: i32 = 0;
let unlisted: i32 = 0;

/** The limit under which the last request was blocked, -1 = it was not. Set by penaltyWait. */
export let blockLimit: i32 = -1;

/**
 * Blocks a key of a limit, or lets it out.
 *
 * @param untilMs its end; what is not after `nowMs` lets it out
 * @returns 0 = there is no room: MAX_BLOCKS are in force
 */
export function block_set(keyLow: i32, keyHigh: i32, untilMs: f64, nowMs: f64): i32 {
  const key = gcraKey((<u64><u32>keyHigh << 32) | <u32>keyLow);
  const end = untilMs > nowMs ? untilMs : 0; // of NaN too
  let place = placeOf(key, nowMs);
  if (load<u64>(place) == key) {
    store<f64>(place, end, UNTIL_MS);
    return 1;
  }
  if (end == 0) return 1;
  if (load<u64>(place) == 0 && blocks == abi.MAX_BLOCKS) {
    forgetEnded(nowMs);
    if (blocks == abi.MAX_BLOCKS) {
      unkept++;
      return 0;
    }
    place = placeOf(key, nowMs);
  }
  write(place, key, end);
  return 1;
}

/** Blocks for which there was no room, since the boot. */
export function blocks_unkept(): i32 {
  return unkept;
}

/** Keys listed at REFUSED_KEYS since the last clear, in any of its places. */
export function refusals_count(): i32 {
  return listed;
}

/** Refusals, blocks among them, of keys for which the list had no room, since the boot. */
export function refusals_unlisted(): i32 {
  return unlisted;
}

/** Starts a new report. */
export function refusals_clear(): void {
  if (listed == 0) return;
  for (let i = 0; i < abi.MAX_REFUSED_KEYS; i++) store<u64>(refusedAt(i), 0, abi.REFUSED_KEY);
  listed = 0;
  knocking = 0;
}

/**
 * How long a request under `count` limits from `first` on (refs) is blocked for, by the longest block of its keys: ms, 0 = it is not.
 * Costs nothing where nobody is blocked, and one look for each limit with a penalty where somebody is.
 */
@inline
export function penaltyWait(first: i32, count: i32, operation: i32, addressOnly: bool, nowMs: f64): i32 {
  blockLimit = -1;
  return blocks == 0 ? 0 : longestBlock(first, count, operation, addressOnly, nowMs);
}

function longestBlock(first: i32, count: i32, operation: i32, addressOnly: bool, nowMs: f64): i32 {
  let longestMs: f64 = 0;
  let blocked: u64 = 0;
  for (let i = 0; i < count; i++) {
    const limit = refAt(first + i);
    const record = limits + <usize>limit * abi.LIMIT_SIZE;
    const flags = load<u32>(record + abi.LIMIT_FLAGS);
    if ((flags & (abi.LIMIT_PENALTY | abi.LIMIT_SHADOW)) != abi.LIMIT_PENALTY) continue;
    if (addressOnly && (flags & abi.LIMIT_BY_ADDRESS) == 0) continue;
    const key = limitKey(record, operation);
    const leftMs = untilOf(key) - nowMs;
    if (leftMs <= longestMs || exempt(load<u64>(record + abi.LIMIT_NAME_HASH), nowMs)) continue;
    longestMs = leftMs;
    blocked = key;
    blockLimit = limit;
  }
  if (blockLimit >= 0) note(blockLimit, blocked, true);
  return <i32>min(ceil(longestMs), <f64>i32.MAX_VALUE);
}

/** Lists that the limit, which has a penalty, refused the key. */
export function refusalNote(limit: i32, key: u64): void {
  note(limit, key, false);
}

function note(limit: i32, key: u64, isBlocked: bool): void {
  const entry = entryOf(key, isBlocked);
  if (entry == 0) {
    unlisted++;
    return;
  }
  if (load<u64>(entry, abi.REFUSED_KEY) == 0) begin(entry, limit, key, isBlocked);
  const count = entry + (isBlocked ? abi.REFUSED_KNOCKS : abi.REFUSED_REFUSALS);
  store<u32>(count, load<u32>(count) + 1);
}

/** The key's entry, or a free one; 0 = no room. */
function entryOf(key: u64, isBlocked: bool): usize {
  for (let i = 0; i < PROBES; i++) {
    const entry = refusedAt(<i32>(<u32>key + i) & (abi.MAX_REFUSED_KEYS - 1));
    const other = load<u64>(entry, abi.REFUSED_KEY);
    if (other == key) return entry;
    if (other == 0) return isBlocked && knocking == MAX_KNOCKING ? 0 : entry;
  }
  return 0;
}

function begin(entry: usize, limit: i32, key: u64, isBlocked: bool): void {
  const principalAt = load<usize>(abi.VERDICT_PRINCIPAL);
  const principal = cut(principalAt, load<i32>(abi.VERDICT_PRINCIPAL_LENGTH), abi.REFUSED_PRINCIPAL_SIZE);
  const address = max(0, min(load<i32>(abi.REQUEST_ADDRESS_LENGTH), abi.MAX_ADDRESS));
  listed++;
  if (isBlocked) knocking++;
  store<u64>(entry, key, abi.REFUSED_KEY);
  store<u32>(entry, 0, abi.REFUSED_REFUSALS);
  store<u32>(entry, 0, abi.REFUSED_KNOCKS);
  store<i32>(entry, limit, abi.REFUSED_LIMIT);
  store<i32>(entry, load<i32>(abi.VERDICT_AUTHENTICATOR), abi.REFUSED_AUTHENTICATOR);
  store<u8>(entry, principal, abi.REFUSED_PRINCIPAL_LENGTH);
  store<u8>(entry, address, abi.REFUSED_ADDRESS_LENGTH);
  textCopy(entry + abi.REFUSED_PRINCIPAL, principalAt, principal);
  textCopy(entry + abi.REFUSED_ADDRESS, abi.ADDRESS, address);
}

@inline
function refusedAt(index: i32): usize {
  return <usize>abi.REFUSED_KEYS + <usize>index * abi.REFUSED_KEY_SIZE;
}

@inline
function blockAt(index: u32): usize {
  return <usize>abi.BLOCKS + <usize>(index & (abi.BLOCK_BUCKETS - 1)) * BLOCK_SIZE;
}

/** Until when the key is blocked; 0 = it is not. */
function untilOf(key: u64): f64 {
  let i = <u32>key;
  while (true) {
    const place = blockAt(i++);
    const other = load<u64>(place);
    if (other == key) return load<f64>(place, UNTIL_MS);
    if (other == 0) return 0;
  }
}

/** The key's place, or one for it: that of a block that is over, else a new one. There always is one: MAX_BLOCKS leave half of them free. */
function placeOf(key: u64, nowMs: f64): usize {
  let free: usize = 0;
  let i = <u32>key;
  while (true) {
    const place = blockAt(i++);
    const other = load<u64>(place);
    if (other == key) return place;
    if (other == 0) return free == 0 ? place : free;
    if (free == 0 && load<f64>(place, UNTIL_MS) <= nowMs) free = place;
  }
}

function write(place: usize, key: u64, untilMs: f64): void {
  if (load<u64>(place) == 0) blocks++;
  store<u64>(place, key);
  store<f64>(place, untilMs, UNTIL_MS);
}

/** Writes the table anew with what is in force; SCRATCH has room for it. */
function forgetEnded(nowMs: f64): void {
  let end: usize = abi.SCRATCH;
  for (let i = 0; i < abi.BLOCK_BUCKETS; i++) {
    const place = blockAt(i);
    if (load<u64>(place) == 0 || load<f64>(place, UNTIL_MS) <= nowMs) continue;
    v128.store(end, v128.load(place));
    end += BLOCK_SIZE;
  }
  memory.fill(abi.BLOCKS, 0, <usize>abi.BLOCK_BUCKETS * BLOCK_SIZE);
  blocks = 0;
  for (let from: usize = abi.SCRATCH; from < end; from += BLOCK_SIZE) {
    const key = load<u64>(from);
    write(placeOf(key, nowMs), key, load<f64>(from, UNTIL_MS));
  }
}

// The generic cell rate algorithm (ITU-T I.371, "virtual scheduling") over a table of fixed size. A key is 64 bits of a keyed
// hash; its state is one number, the theoretical arrival time (TAT). An entry whose time has passed equals no entry.
//
// A cell, 16 bytes:
//   0  u64 key, 0 = never used
//   8  u64 bits 0–54 TAT in µs · bit 55 strict · bits 56–63 one byte of the bucket's floor
// A bucket is eight cells (two cache lines); a key may stand in either of two buckets. The floor is the largest TAT of a
// strict cell that was evicted from the bucket while still in debt: a strict key that is not found starts from it, because it
// may be the one that was evicted. Its eight bytes are the top bytes of the bucket's cells, so that it costs no memory.
import * as abi from "../abi";
import { arenaTake } from "./arena";

const CELL: usize = 16;
const BUCKET: usize = 128;
const BUCKET_CELLS: i32 = 8;
const TAT_MASK: u64 = (1 << 55) - 1;
const STRICT_BIT: u64 = 1 << 55;
const FLOOR_MASK: u64 = 0xff << 56;

// Header, then buckets at handle + HEADER.
const HEADER: usize = 128;
const BUCKETS_LESS_ONE: usize = 0; // u32
const EVICTIONS: usize = 4; // u32 cells in debt that gave way to another key
const CLOCK_US: usize = 8; // u64

/**
 * A table of `cells` cells, a power of two of at least 16.
 *
 * @returns handle, 0 = not such a number or no room
 */
export function gcra_new(cells: i32): i32 {
  if (cells < 16 || popcnt(cells) != 1) return 0;
  const handle = arenaTake(HEADER + <u64>cells * CELL);
  if (handle != 0) store<u32>(handle + BUCKETS_LESS_ONE, (cells >> 3) - 1);
  return <i32>handle;
}

/** Cells in debt that were evicted, since the table began. */
export function gcra_evictions(handle: i32): i32 {
  return load<i32>(<usize>handle + EVICTIONS);
}

/**
 * One request of one key: admits and charges it, or refuses it and charges nothing.
 *
 * @param intervalUs T, what one request costs; a whole number from 1
 * @param toleranceUs τ, how far ahead of time a request may come; a whole number from 0
 * @param flags LIMIT_STRICT
 * @returns µs until it would be admitted; 0 = admitted
 */
export function gcra_take(handle: i32, keyLow: i32, keyHigh: i32, intervalUs: f64, toleranceUs: f64, flags: i32, nowUs: f64): f64 {
  const key = gcraKey((<u64><u32>keyHigh << 32) | <u32>keyLow);
  const now = gcraClock(handle, <u64>nowUs);
  const cell = gcraFind(handle, key);
  const arrival = gcraArrival(handle, cell, key, flags, now);
  const earliest = <i64>arrival - <i64>toleranceUs;
  if (earliest > <i64>now) return <f64>(earliest - <i64>now);
  gcraCharge(handle, cell, key, arrival + <u64>intervalUs, flags, now);
  return 0;
}

/** 0 marks a cell that was never used. */
@inline
export function gcraKey(hash: u64): u64 {
  return hash == 0 ? 1 : hash;
}

/** The table's time: never earlier than before, so that a clock set back cannot make a debt's cell look free. */
@inline
export function gcraClock(handle: usize, nowUs: u64): u64 {
  const now = max(nowUs, load<u64>(handle + CLOCK_US));
  store<u64>(handle + CLOCK_US, now);
  return now;
}

@inline
function firstBucket(handle: usize, key: u64): usize {
  return handle + HEADER + <usize>(<u32>key & load<u32>(handle + BUCKETS_LESS_ONE)) * BUCKET;
}

@inline
function secondBucket(handle: usize, key: u64): usize {
  const mask = load<u32>(handle + BUCKETS_LESS_ONE);
  const first = <u32>key & mask;
  const second = <u32>(key >> 32) & mask;
  return handle + HEADER + <usize>(second == first ? second ^ 1 : second) * BUCKET;
}

@inline
function findIn(bucket: usize, key: u64): usize {
  for (let i: usize = 0; i < BUCKET; i += CELL) if (load<u64>(bucket + i) == key) return bucket + i;
  return 0;
}

/** The key's cell, or 0. Holds until the next gcraCharge. */
@inline
export function gcraFind(handle: usize, key: u64): usize {
  const cell = findIn(firstBucket(handle, key), key);
  return cell != 0 ? cell : findIn(secondBucket(handle, key), key);
}

/** The key's TAT, no earlier than now: of its cell, or of a strict key without one the floor of its buckets. */
@inline
export function gcraArrival(handle: usize, cell: usize, key: u64, flags: i32, now: u64): u64 {
  if (cell != 0) return max(load<u64>(cell, 8) & TAT_MASK, now);
  if ((flags & abi.LIMIT_STRICT) == 0) return now;
  return max(max(floorOf(firstBucket(handle, key)), floorOf(secondBucket(handle, key))), now);
}

/**
 * Gives the key a new TAT.
 *
 * @param cell what gcraFind answered; a charge since then may have given the cell to another key, so it is looked at again
 */
@inline
export function gcraCharge(handle: usize, cell: usize, key: u64, arrival: u64, flags: i32, now: u64): void {
  if (cell == 0 || load<u64>(cell) != key) cell = place(handle, key, now);
  const strict = (flags & abi.LIMIT_STRICT) != 0 ? STRICT_BIT : 0;
  store<u64>(cell, (load<u64>(cell, 8) & FLOOR_MASK) | strict | arrival, 8);
}

/** A cell for a key that has none: free, else the one of least debt, from the emptier of its buckets. */
function place(handle: usize, key: u64, now: u64): usize {
  const first = firstBucket(handle, key);
  const second = secondBucket(handle, key);
  const firstLive = liveIn(first, now);
  const secondLive = liveIn(second, now);
  let bucket = secondLive < firstLive ? second : first;
  let cell = leastDebt(bucket);
  if (firstLive == BUCKET_CELLS && secondLive == BUCKET_CELLS) {
    const other = leastDebt(second);
    if ((load<u64>(other, 8) & TAT_MASK) < (load<u64>(cell, 8) & TAT_MASK)) {
      cell = other;
      bucket = second;
    }
    evict(handle, bucket, cell);
  }
  store<u64>(cell, key);
  return cell;
}

function liveIn(bucket: usize, now: u64): i32 {
  let live = 0;
  for (let i: usize = 0; i < BUCKET; i += CELL) live += <i32>((load<u64>(bucket + i, 8) & TAT_MASK) > now);
  return live;
}

/** The cell with the earliest TAT: a free one wherever there is one. */
function leastDebt(bucket: usize): usize {
  let best = bucket;
  for (let i: usize = CELL; i < BUCKET; i += CELL) {
    if ((load<u64>(bucket + i, 8) & TAT_MASK) < (load<u64>(best, 8) & TAT_MASK)) best = bucket + i;
  }
  return best;
}

function evict(handle: usize, bucket: usize, cell: usize): void {
  store<u32>(handle + EVICTIONS, load<u32>(handle + EVICTIONS) + 1);
  const word = load<u64>(cell, 8);
  if ((word & STRICT_BIT) != 0) raiseFloor(bucket, word & TAT_MASK);
}

/** Byte i of the floor is the highest byte of cell i. */
function floorOf(bucket: usize): u64 {
  let floor: u64 = 0;
  for (let i = 0; i < BUCKET_CELLS; i++) floor |= <u64>load<u8>(bucket + (<usize>i << 4), 15) << (i << 3);
  return floor;
}

function raiseFloor(bucket: usize, arrival: u64): void {
  if (arrival <= floorOf(bucket)) return;
  for (let i = 0; i < BUCKET_CELLS; i++) store<u8>(bucket + (<usize>i << 4), <u8>(arrival >> (i << 3)), 15);
}

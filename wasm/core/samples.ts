// The gateway's own samples: a sampler whose slots hold event records. A record belongs to the epoch in which its request was
// decided, but its answer may come after the epoch's end: then it waits, with its threshold final, for a later take.
import * as abi from "../abi";
import { arenaTake } from "./arena";
import {
  LISTED_SIZE, LISTED_SLOT, LISTED_THRESHOLD, sampler_list, sampler_offer, sampler_resize, samplerDrain, samplerFree, samplerNew,
} from "./sampler";

/** A record waits so long for its answer, and then goes out without. */
const MAX_WAIT_MS: f64 = 60000;

/** A ticket is a slot and the low bits of how often the slot has been given away. */
const SLOT_BITS: i32 = 12; // 2 × MAX_SAMPLES × STRATA = 3072 slots
const GENERATION_MASK: u32 = 0x7ffff;

let sampler: usize = 0;
let slots: i32 = 0;
let records: usize = 0; // EVENT_SIZE × slots
let generations: usize = 0; // u32 × slots
let late: usize = 0; // u32 × slots: slots of closed epochs that wait, oldest epoch first
let lateCount: i32 = 0;
let lateCapacity: i32 = 0;
let list: usize = 0; // u32 × slots: addresses of the records to send
let listCount: i32 = 0;
let nextK: i32 = 0;
let unsettled: i32 = 0;

/** Makes room for `k` samples a stratum, and as many that wait. False = k out of range, or the arena is used up. */
export function samplesBoot(k: i32): bool {
  slots = 2 * k * abi.STRATA;
  lateCapacity = slots - k * abi.STRATA;
  sampler = samplerNew(k, slots);
  if (sampler == 0) return false;
  records = arenaTake(<u64>slots * abi.EVENT_SIZE);
  generations = arenaTake(<u64>slots * 12);
  if (records == 0 || generations == 0) return false;
  late = generations + (<usize>slots << 2);
  list = late + (<usize>slots << 2);
  nextK = k;
  return true;
}

@inline
function recordAt(slot: i32): usize {
  return records + <usize>slot * abi.EVENT_SIZE;
}

/**
 * Offers a request of weight 1.
 *
 * @param priority 1 / u
 * @returns slot of its record, to be filled, or -1
 */
@inline
export function sampleOffer(stratum: i32, priority: f64): i32 {
  return sampler_offer(<i32>sampler, stratum, priority, 1, 0);
}

/** The record of a slot that was just offered, under a new ticket. */
export function sampleRecord(slot: i32): usize {
  const generation = generations + (<usize>slot << 2);
  store<u32>(generation, load<u32>(generation) + 1);
  return recordAt(slot);
}

/** What settle() is to be given for the slot: never negative. */
export function sampleTicket(slot: i32): i32 {
  return slot | <i32>((load<u32>(generations + (<usize>slot << 2)) & GENERATION_MASK) << SLOT_BITS);
}

/** Completes a record, unless its slot has gone to another request since. */
export function sampleSettle(ticket: i32, status: i32, latencyMs: f64, bytesIn: f64, bytesOut: f64): void {
  if (ticket < 0) return;
  const slot = ticket & ((1 << SLOT_BITS) - 1);
  if (slot >= slots || sampleTicket(slot) != ticket) return;
  const record = recordAt(slot);
  store<u8>(record + abi.EVENT_SETTLED, 1);
  store<u16>(record + abi.EVENT_STATUS, status);
  store<f64>(record + abi.EVENT_LATENCY_MS, latencyMs);
  store<f64>(record + abi.EVENT_BYTES_IN, bytesIn);
  store<f64>(record + abi.EVENT_BYTES_OUT, bytesOut);
}

/**
 * Closes the epoch. Lists the records that are complete, those that waited too long, and, where more wait than there is room
 * for, the oldest of these. What an earlier take listed is released.
 *
 * @param nowMs Infinity lists every record
 * @returns number of addresses at sample_list
 */
export function sample_take(nowMs: f64): i32 {
  if (sampler == 0) return 0;
  sample_release();
  listLate(nowMs);
  closeEpoch(nowMs);
  const excess = lateCount - lateCapacity;
  if (excess > 0) {
    for (let i = 0; i < excess; i++) listSlot(load<i32>(late + (<usize>i << 2)));
    unsettled += excess;
    lateCount -= excess;
    memory.copy(late, late + (<usize>excess << 2), <usize>lateCount << 2);
  }
  sampler_resize(<i32>sampler, nextK);
  return listCount;
}

/** Address of what sample_take listed: u32 addresses of event records. */
export function sample_list(): i32 {
  return <i32>list;
}

/** Frees what sample_take listed. */
export function sample_release(): void {
  for (let i = 0; i < listCount; i++) {
    samplerFree(sampler, <i32>((load<usize>(list + (<usize>i << 2)) - records) / abi.EVENT_SIZE));
  }
  listCount = 0;
}

/** Sets k of every stratum from the next epoch on, within what the boot allotted. */
export function sample_resize(k: i32): void {
  nextK = k;
}

/** Records that had to go out before their answer was known, because too many waited; since the boot. */
export function unsampled_count(): i32 {
  return unsettled;
}

function listSlot(slot: i32): void {
  store<u32>(list + (<usize>(listCount++) << 2), recordAt(slot));
}

function appendLate(slot: i32): void {
  store<u32>(late + (<usize>(lateCount++) << 2), slot);
}

/** Its answer is known, or was waited for long enough. */
function mayLeave(slot: i32, nowMs: f64): bool {
  const record = recordAt(slot);
  return load<u8>(record + abi.EVENT_SETTLED) != 0 || nowMs - load<f64>(record + abi.EVENT_TIME_MS) >= MAX_WAIT_MS;
}

function listLate(nowMs: f64): void {
  const before = lateCount;
  lateCount = 0;
  for (let i = 0; i < before; i++) {
    const slot = load<i32>(late + (<usize>i << 2));
    if (mayLeave(slot, nowMs)) listSlot(slot);
    else appendLate(slot);
  }
}

function closeEpoch(nowMs: f64): void {
  const kept = samplerDrain(sampler);
  let item = <usize>sampler_list(<i32>sampler);
  for (let i = 0; i < kept; i++, item += LISTED_SIZE) {
    const slot = load<i32>(item + LISTED_SLOT);
    store<f64>(recordAt(slot) + abi.EVENT_THRESHOLD, load<f64>(item + LISTED_THRESHOLD));
    if (mayLeave(slot, nowMs)) listSlot(slot);
    else appendLate(slot);
  }
}

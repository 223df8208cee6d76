// Stratified bottom-k priority sampling (Duffield, Lund, Thorup, "Priority sampling for estimation of arbitrary subset sums",
// JACM 54(6), 2007). An item of weight w has the priority w / u, u uniform in (0, 1]. A stratum keeps its k largest; the
// largest priority it left out is its threshold τ. An item that was kept stands for max(w, τ), which makes every subset's sum
// unbiased. Items that were sampled before carry the τ they were sampled with: each then stands for max(w, own τ, this τ), so
// that sampling a union of samples equals sampling the union.
//
// Here are priorities only. What an item carries is the caller's, by slot number.
import * as abi from "../abi";
import { arenaTake } from "./arena";

// Header
const K: usize = 0; // u32 items that a stratum keeps
const CAPACITY: usize = 4; // u32 the largest k
const FREE_COUNT: usize = 8; // u32
const FREE: usize = 12; // u32 address: stack of u32 slots
const HEAPS: usize = 16; // u32 address: STRATA × CAPACITY entries
const LIST: usize = 20; // u32 address: what the last take kept
const STRATUM: usize = 32; // STRATA × {u32 items, u32 unused, f64 threshold}
const STRATUM_SIZE: usize = 16;
const HEADER: usize = 128;

// Entry of a heap, least priority first
const PRIORITY: usize = 0; // f64
const WEIGHT: usize = 8; // f64
const THRESHOLD: usize = 16; // f64 its own, from an earlier sampling
const SLOT: usize = 24; // u32
const ENTRY: usize = 32;

// Item of the list
export const LISTED_SLOT: usize = 0; // u32
export const LISTED_STRATUM: usize = 4; // u32
export const LISTED_THRESHOLD: usize = 8; // f64 final
export const LISTED_ESTIMATE: usize = 16; // f64 max(weight, threshold): what the item stands for
export const LISTED_SIZE: usize = 24;

/**
 * A sampler that keeps at most `k` items in each of STRATA strata, in slots 0 … k × STRATA − 1.
 *
 * @returns handle, 0 = k is not within 1 … MAX_SAMPLES, or no room
 */
export function sampler_new(k: i32): i32 {
  return <i32>samplerNew(k, k * abi.STRATA);
}

/** The same with more slots than it can keep, for items that outlive their epoch. */
export function samplerNew(k: i32, slots: i32): usize {
  if (k < 1 || k > abi.MAX_SAMPLES) return 0;
  const heaps = <usize>k * abi.STRATA * ENTRY;
  const handle = arenaTake(HEADER + heaps + <u64>slots * (LISTED_SIZE + 4));
  if (handle == 0) return 0;
  store<u32>(handle + K, k);
  store<u32>(handle + CAPACITY, k);
  store<u32>(handle + HEAPS, handle + HEADER);
  store<u32>(handle + LIST, handle + HEADER + heaps);
  store<u32>(handle + FREE, handle + HEADER + heaps + <usize>slots * LISTED_SIZE);
  for (let slot = slots - 1; slot >= 0; slot--) samplerFree(handle, slot);
  return handle;
}

/**
 * Offers an item. One that is kept may take the place, and the slot, of one that no longer is.
 *
 * @param priority w / u, finite and above 0
 * @param weight w
 * @param threshold τ of an earlier sampling, 0 = none
 * @returns the item's slot, -1 = not kept
 */
export function sampler_offer(handle: i32, stratum: i32, priority: f64, weight: f64, threshold: f64): i32 {
  if (<u32>stratum >= <u32>abi.STRATA || !(priority > 0 && priority < Infinity)) return -1;
  const state = stratumOf(handle, stratum);
  if (priority <= load<f64>(state, 8)) return -1;
  const heap = heapOf(handle, stratum);
  const items = load<usize>(state);
  if (items < load<usize>(<usize>handle + K)) {
    const slot = takeFree(handle);
    if (slot >= 0) {
      store<u32>(state, items + 1);
      siftUp(heap, items, priority, weight, threshold, slot);
      return slot;
    }
  } else if (priority > load<f64>(heap + PRIORITY)) {
    const slot = load<i32>(heap + SLOT);
    store<f64>(state, load<f64>(heap + PRIORITY), 8);
    siftDown(heap, items, priority, weight, threshold, slot);
    return slot;
  }
  store<f64>(state, priority, 8);
  return -1;
}

/**
 * Ends the epoch: lists what was kept and starts anew. The slots are free again, so read what they stand for before the next
 * offer.
 *
 * @returns number of items at sampler_list: {u32 slot, u32 stratum, f64 threshold, f64 what it stands for} each
 */
export function sampler_take(handle: i32): i32 {
  const listed = samplerDrain(handle);
  for (let i = listed - 1; i >= 0; i--) samplerFree(handle, load<i32>(<usize>sampler_list(handle) + <usize>i * LISTED_SIZE));
  return listed;
}

/** Address of what the last sampler_take listed. */
export function sampler_list(handle: i32): i32 {
  return load<i32>(<usize>handle + LIST);
}

/** Largest priority that the stratum left out in this epoch, 0 = none. */
export function sampler_threshold(handle: i32, stratum: i32): f64 {
  return <u32>stratum < <u32>abi.STRATA ? load<f64>(stratumOf(handle, stratum), 8) : 0;
}

/** Sets k, within what the sampler was made for. What no longer fits is left out as if it had never fitted. */
export function sampler_resize(handle: i32, k: i32): void {
  k = max(1, min(k, load<i32>(<usize>handle + CAPACITY)));
  store<u32>(<usize>handle + K, k);
  for (let stratum = 0; stratum < abi.STRATA; stratum++) {
    while (load<i32>(stratumOf(handle, stratum)) > k) dropLeast(handle, stratum);
  }
}

/** As sampler_take, but the slots stay taken until samplerFree. */
export function samplerDrain(handle: usize): i32 {
  let out = load<usize>(handle + LIST);
  let listed = 0;
  for (let stratum = 0; stratum < abi.STRATA; stratum++) {
    const state = stratumOf(handle, stratum);
    const items = load<i32>(state);
    let entry = heapOf(handle, stratum);
    for (let i = 0; i < items; i++, entry += ENTRY, out += LISTED_SIZE) {
      const threshold = max(load<f64>(entry + THRESHOLD), load<f64>(state, 8));
      store<u32>(out + LISTED_SLOT, load<u32>(entry + SLOT));
      store<u32>(out + LISTED_STRATUM, stratum);
      store<f64>(out + LISTED_THRESHOLD, threshold);
      store<f64>(out + LISTED_ESTIMATE, max(load<f64>(entry + WEIGHT), threshold));
    }
    listed += items;
    store<u32>(state, 0);
    store<f64>(state, 0, 8);
  }
  return listed;
}

/** Gives a slot back. */
export function samplerFree(handle: usize, slot: i32): void {
  const count = load<u32>(handle + FREE_COUNT);
  store<u32>(load<usize>(handle + FREE) + (<usize>count << 2), slot);
  store<u32>(handle + FREE_COUNT, count + 1);
}

function takeFree(handle: usize): i32 {
  const count = load<u32>(handle + FREE_COUNT);
  if (count == 0) return -1;
  store<u32>(handle + FREE_COUNT, count - 1);
  return load<i32>(load<usize>(handle + FREE) + (<usize>(count - 1) << 2));
}

@inline
function stratumOf(handle: usize, stratum: i32): usize {
  return handle + STRATUM + <usize>stratum * STRATUM_SIZE;
}

@inline
function heapOf(handle: usize, stratum: i32): usize {
  return load<usize>(handle + HEAPS) + <usize>stratum * load<usize>(handle + CAPACITY) * ENTRY;
}

@inline
function writeEntry(entry: usize, priority: f64, weight: f64, threshold: f64, slot: i32): void {
  store<f64>(entry + PRIORITY, priority);
  store<f64>(entry + WEIGHT, weight);
  store<f64>(entry + THRESHOLD, threshold);
  store<u32>(entry + SLOT, slot);
}

@inline
function copyEntry(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to + 16, v128.load(from + 16));
}

/** Writes the entry into the hole at `index`, moving larger parents down. */
function siftUp(heap: usize, index: usize, priority: f64, weight: f64, threshold: f64, slot: i32): void {
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (load<f64>(heap + parent * ENTRY) <= priority) break;
    copyEntry(heap + index * ENTRY, heap + parent * ENTRY);
    index = parent;
  }
  writeEntry(heap + index * ENTRY, priority, weight, threshold, slot);
}

/** Writes the entry into the hole at the root, moving smaller children up. */
function siftDown(heap: usize, items: usize, priority: f64, weight: f64, threshold: f64, slot: i32): void {
  let index: usize = 0;
  while (true) {
    let child = (index << 1) + 1;
    if (child >= items) break;
    if (child + 1 < items && load<f64>(heap + (child + 1) * ENTRY) < load<f64>(heap + child * ENTRY)) child++;
    if (load<f64>(heap + child * ENTRY) >= priority) break;
    copyEntry(heap + index * ENTRY, heap + child * ENTRY);
    index = child;
  }
  writeEntry(heap + index * ENTRY, priority, weight, threshold, slot);
}

function dropLeast(handle: usize, stratum: i32): void {
  const state = stratumOf(handle, stratum);
  const heap = heapOf(handle, stratum);
  const items = load<usize>(state) - 1;
  const last = heap + items * ENTRY;
  store<f64>(state, load<f64>(heap + PRIORITY), 8);
  store<u32>(state, items);
  samplerFree(handle, load<i32>(heap + SLOT));
  if (items == 0) return;
  siftDown(heap, items, load<f64>(last), load<f64>(last + WEIGHT), load<f64>(last + THRESHOLD), load<i32>(last + SLOT));
}

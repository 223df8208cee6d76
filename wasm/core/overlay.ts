// The overlay: what changes between two policies. It outlives each of them, so authenticators go by their names. Two slots, so
// that a list that is refused leaves the one in force untouched.
//
// A slot is a hash table with linear probing, then grants and exemptions as the list has them. A bucket:
//   0  u64 first half of the key's hash
//   8  u64 second half; of a grant or an exempt principal the address of its entry
//  16  f64 until, ms; 0 = the bucket is empty
//  24  f64 from, ms
// A revocation is known by 128 bits alone: a collision could only refuse a caller, never let one in. Grants and
// exemptions let in, so their texts are compared; exempt networks are looked through one by one. The hash is keyed with the isolate's secret, which no caller knows and no other isolate needs, so
// nobody can look for names that collide; and it does not change with the policy, as the deployment's seed may.
import * as abi from "../abi";
import { idleSlot } from "./image";
import { siphash } from "./siphash";

export const BUCKET_SECOND: usize = 8;
export const BUCKET_UNTIL_MS: usize = 16;
export const BUCKET_FROM_MS: usize = 24;

let key0: u64 = 0;
let key1: u64 = 0;

/** The table in force; 0 = none yet, which is an empty one. */
let table: usize = 0;

/** Bit 1 << kind: the list in force has such an entry. */
export let overlayKinds: i32 = 0;

/** Counts the lists that were put in force: what was judged under another may be judged otherwise now. */
export let overlayGeneration: i32 = 0;

export function overlayBoot(low: u64, high: u64): void {
  key0 = low;
  key1 = high;
}

/**
 * Reads the list of `length` bytes that the host put into an image slot that is not in force, and puts it in force.
 *
 * @returns LOAD_*; after anything but LOAD_OK the list before stays in force
 */
export function overlay_load(slot: i32, length: i32): i32 {
  const list = idleSlot(slot);
  if (list == 0 || <u32>(length - abi.OVERLAY_HEADER) > <u32>(abi.IMAGE_SIZE - abi.OVERLAY_HEADER)) return abi.LOAD_BAD_LENGTH;
  if (load<u32>(list) != abi.OVERLAY_MAGIC) return abi.LOAD_BAD_MAGIC;
  const before = table;
  const kindsBefore = overlayKinds;
  table = before == abi.OVERLAY_SLOT_0 ? abi.OVERLAY_SLOT_1 : abi.OVERLAY_SLOT_0;
  overlayKinds = 0;
  const code = readEntries(list, list + <usize>length);
  if (code == abi.LOAD_OK) overlayGeneration++;
  else {
    table = before;
    overlayKinds = kindsBefore;
  }
  return code;
}

function readEntries(list: usize, end: usize): i32 {
  const revocations = load<u32>(list, abi.OVERLAY_REVOCATIONS);
  const grants = load<u32>(list, abi.OVERLAY_GRANT_COUNT);
  const exemptions = load<u32>(list, abi.OVERLAY_EXEMPTION_COUNT);
  if (revocations > <u32>abi.MAX_REVOCATIONS || grants > <u32>abi.MAX_GRANTS || exemptions > <u32>abi.MAX_EXEMPTIONS) {
    return abi.LOAD_BAD_VALUE;
  }
  memory.fill(table, 0, abi.OVERLAY_GRANTS);
  let at = list + abi.OVERLAY_HEADER;
  for (let left = revocations; left > 0; left--) {
    const size = entrySize(at, end);
    if (size == 0 || !isRefusal(at)) return abi.LOAD_BAD_REFERENCE;
    insert(at, 0);
    at += size;
  }
  at = keepEntries(at, end, grants, abi.GRANT, table + abi.OVERLAY_GRANTS);
  if (at != 0) at = keepEntries(at, end, exemptions, abi.EXEMPTION, table + abi.OVERLAY_EXEMPTIONS);
  return at == end ? abi.LOAD_OK : at == 0 ? abi.LOAD_BAD_REFERENCE : abi.LOAD_BAD_LENGTH;
}

/** Copies `count` entries of `kind` to where they stay, a zero word behind them. What follows them in the list, 0 = one is not sound. */
function keepEntries(at: usize, end: usize, count: u32, kind: u32, kept: usize): usize {
  for (; count > 0; count--) {
    const size = entrySize(at, end);
    if (size == 0 || load<u32>(at, abi.ENTRY_KIND) != kind || !(kind == abi.GRANT ? isGrantSound(at) : isExemptionSound(at))) return 0;
    memory.copy(kept, at, size);
    insert(kept, kept);
    kept += size;
    at += size;
  }
  store<u32>(kept, 0);
  return at;
}

/** Bytes of an entry at `at`, 0 when its parts are longer than any may be, or end behind the list. */
function entrySize(at: usize, end: usize): usize {
  if (end - at < <usize>abi.ENTRY_TEXT) return 0;
  const name = load<u32>(at, abi.ENTRY_AUTHENTICATOR_LENGTH);
  const subject = load<u32>(at, abi.ENTRY_SUBJECT_LENGTH);
  const scopes = load<u32>(at, abi.ENTRY_SCOPES_LENGTH);
  if (name > <u32>abi.MAX_AUTHENTICATOR_NAME || subject > <u32>abi.MAX_REVOKED_SUBJECT || scopes > <u32>abi.MAX_GRANT_TEXT) return 0;
  const from = load<f64>(at, abi.ENTRY_FROM_MS);
  if (isNaN(from) || !(load<f64>(at, abi.ENTRY_UNTIL_MS) > 0)) return 0;
  const size = entryBytes(at);
  return size <= end - at ? size : 0;
}

/** Bytes of a sound entry, up to the next one. */
export function entryBytes(at: usize): usize {
  return <usize>abi.ENTRY_TEXT + ((textBytes(at) + 7) & ~7);
}

@inline
function textBytes(at: usize): u32 {
  return load<u32>(at, abi.ENTRY_AUTHENTICATOR_LENGTH) + load<u32>(at, abi.ENTRY_SUBJECT_LENGTH) + load<u32>(at, abi.ENTRY_SCOPES_LENGTH);
}

function isRefusal(at: usize): bool {
  const kind = load<u32>(at, abi.ENTRY_KIND);
  return (kind - 1 < <u32>abi.REVOKED_ISSUER || kind == abi.QUARANTINED) && load<u32>(at, abi.ENTRY_SCOPES_LENGTH) == 0;
}

/** What is sound fits: MAX_GRANTS of the largest fill their part of a slot. */
function isGrantSound(at: usize): bool {
  return textBytes(at) <= <u32>abi.MAX_GRANT_TEXT;
}

/** It ends, names a principal or one network, and one limit or all. */
function isExemptionSound(at: usize): bool {
  const limit = load<u32>(at, abi.ENTRY_SCOPES_LENGTH);
  const subject = load<u32>(at, abi.ENTRY_SUBJECT_LENGTH);
  if (load<f64>(at, abi.ENTRY_UNTIL_MS) == Infinity || (limit != 0 && limit != 8)) return false;
  if (load<u32>(at, abi.ENTRY_AUTHENTICATOR_LENGTH) != 0) return subject != 0;
  return subject == abi.NETWORK_SIZE && load<u8>(at + abi.ENTRY_TEXT, abi.NETWORK_SIZE - 1) <= 128;
}

/** @param kept address of the entry where it stays, 0 for a revocation */
function insert(entry: usize, kept: usize): void {
  const kind = load<i32>(entry, abi.ENTRY_KIND);
  const nameLength = load<u32>(entry, abi.ENTRY_AUTHENTICATOR_LENGTH);
  const subjectLength = load<u32>(entry, abi.ENTRY_SUBJECT_LENGTH);
  const name = nameHash(entry + abi.ENTRY_TEXT, nameLength);
  const subject = entry + abi.ENTRY_TEXT + nameLength;
  const first = firstHash(kind, name, subject, subjectLength);
  let bucket = bucketOf(first);
  while (load<f64>(bucket, BUCKET_UNTIL_MS) != 0) bucket = bucketAfter(bucket);
  store<u64>(bucket, first);
  store<u64>(bucket, kept != 0 ? <u64>kept : secondHash(kind, name, subject, subjectLength), BUCKET_SECOND);
  store<f64>(bucket, load<f64>(entry, abi.ENTRY_UNTIL_MS), BUCKET_UNTIL_MS);
  store<f64>(bucket, load<f64>(entry, abi.ENTRY_FROM_MS), BUCKET_FROM_MS);
  overlayKinds |= 1 << kind;
}

/** Stands for an authenticator in the two hashes below. */
export function nameHash(name: usize, length: usize): u64 {
  return siphash(key0, key1, name, length);
}

export function firstHash(kind: i32, name: u64, subject: usize, length: usize): u64 {
  return siphash(name, key1 ^ <u64>kind, subject, length);
}

export function secondHash(kind: i32, name: u64, subject: usize, length: usize): u64 {
  return siphash(key1 ^ <u64>kind, name, subject, length);
}

/** The first of the exemptions in force; there is an end behind the last, whose kind is 0. */
export function exemptionsFirst(): usize {
  return table + abi.OVERLAY_EXEMPTIONS;
}

/** Where a key with that first hash stands, or one of the buckets behind it up to the next empty one. */
@inline
export function bucketOf(first: u64): usize {
  return table + (<usize>first & (abi.OVERLAY_BUCKETS - 1)) * abi.OVERLAY_BUCKET_SIZE;
}

@inline
export function bucketAfter(bucket: usize): usize {
  bucket += abi.OVERLAY_BUCKET_SIZE;
  return bucket == table + abi.OVERLAY_GRANTS ? table : bucket;
}

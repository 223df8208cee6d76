// Sections of the policy image under check, before anything is known of it but its length.
import * as abi from "../abi";

export let base: usize = 0;

export function baseSet(address: usize): void {
  base = address;
}

@inline
export function sectionOf(section: i32): usize {
  return base + load<u32>(base + abi.HEADER_SECTIONS + (<usize>section << 3));
}

@inline
export function countOf(section: i32): u32 {
  return load<u32>(base + abi.HEADER_SECTIONS + 4 + (<usize>section << 3));
}

function recordSize(section: i32): u32 {
  switch (section) {
    case abi.SECTION_SERVICES: return abi.SERVICE_SIZE;
    case abi.SECTION_NODES: return abi.NODE_SIZE;
    case abi.SECTION_EDGES: return abi.EDGE_SIZE;
    case abi.SECTION_OPERATIONS: return abi.OPERATION_SIZE;
    case abi.SECTION_LIMITS: return abi.LIMIT_SIZE;
    case abi.SECTION_AUTHENTICATORS: return abi.AUTH_SIZE;
    case abi.SECTION_HMAC_KEYS: return abi.HMAC_KEY_SIZE;
    case abi.SECTION_API_KEYS: return abi.API_KEY_SIZE;
    case abi.SECTION_STRINGS: return 8;
    case abi.SECTION_REFS: return 4;
    default: return 1;
  }
}

/** FNV-1a over what follows the header, then over the section directory: finds damage, not forgery (the seal does that). */
export function checksum(length: u32): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let i: usize = abi.IMAGE_HEADER; i < length; i++) hash = (hash ^ load<u8>(base + i)) * 0x01000193;
  for (let i: usize = abi.HEADER_SECTIONS; i < <usize>abi.IMAGE_HEADER; i++) hash = (hash ^ load<u8>(base + i)) * 0x01000193;
  return hash;
}

export function sectionsFit(length: u32): bool {
  let end: u64 = abi.IMAGE_HEADER;
  for (let s = 0; s < abi.SECTIONS; s++) {
    const entry = base + abi.HEADER_SECTIONS + (<usize>s << 3);
    const at = load<u32>(entry);
    if ((at & 7) != 0 || <u64>at < end) return false;
    end = <u64>at + <u64>load<u32>(entry, 4) * recordSize(s);
    if (end > length) return false;
  }
  return true;
}

@inline
export function rangeFits(first: u32, count: u32, section: i32): bool {
  return <u64>first + count <= countOf(section);
}

@inline
export function isString(index: i32): bool {
  return <u32>index < countOf(abi.SECTION_STRINGS);
}

@inline
export function isStringOrNone(index: i32): bool {
  return index == -1 || isString(index);
}

/** The list {first, count} lies in the refs, and each of its items names a record of `section`. */
export function listFits(first: u32, count: u32, section: i32): bool {
  if (!rangeFits(first, count, abi.SECTION_REFS)) return false;
  const limit = countOf(section);
  let at = sectionOf(abi.SECTION_REFS) + (<usize>first << 2);
  for (let i: u32 = 0; i < count; i++, at += 4) if (load<u32>(at) >= limit) return false;
  return true;
}

export function textAt(index: i32): usize {
  return sectionOf(abi.SECTION_BYTES) + load<u32>(sectionOf(abi.SECTION_STRINGS) + (<usize>index << 3));
}

export function textLength(index: i32): u32 {
  return load<u32>(sectionOf(abi.SECTION_STRINGS) + (<usize>index << 3), 4);
}

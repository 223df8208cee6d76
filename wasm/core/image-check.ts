// Everything that makes a policy image safe to read, checked once: after LOAD_OK the request path reads without checks.
import * as abi from "../abi";
import { checkApiKeys, checkAuthenticators, checkHmacKeys } from "./image-check-auth";
import {
  base, baseSet, checksum, countOf, isString, isStringOrNone, listFits, rangeFits, sectionOf, sectionsFit, textAt, textLength,
} from "./image-sections";
import { isByteRate, isRate } from "./rate";
import { SCRATCH_FREE } from "./scratch";
import { bytesOrder } from "./text";

/** Which nodes already have a parent: one bit a node. */
const PARENTED: usize = SCRATCH_FREE;

/**
 * Checks the image of `length` bytes at `address`. Bounds come before anything that follows an index, so that a hostile
 * image can at worst be refused.
 *
 * @returns LOAD_*
 */
export function checkImage(address: usize, length: u32): i32 {
  baseSet(address);
  if (length < <u32>abi.IMAGE_HEADER) return abi.LOAD_TOO_SHORT;
  if (load<u32>(base + abi.HEADER_MAGIC) != abi.IMAGE_MAGIC) return abi.LOAD_BAD_MAGIC;
  if (load<u32>(base + abi.HEADER_ABI) != abi.ABI_VERSION) return abi.LOAD_WRONG_ABI;
  if (load<u32>(base + abi.HEADER_LENGTH) != length) return abi.LOAD_BAD_LENGTH;
  if (load<u32>(base + abi.HEADER_CHECKSUM) != checksum(length)) return abi.LOAD_BAD_CHECKSUM;
  if (!sectionsFit(length)) return abi.LOAD_BAD_SECTION;
  let code = checkStrings();
  if (code == abi.LOAD_OK) code = checkServices();
  if (code == abi.LOAD_OK) code = checkNodes();
  if (code == abi.LOAD_OK) code = checkOperations();
  if (code == abi.LOAD_OK) code = checkLimits();
  if (code == abi.LOAD_OK) code = checkAuthenticators();
  if (code == abi.LOAD_OK) code = checkHmacKeys();
  if (code == abi.LOAD_OK) code = checkApiKeys();
  return code;
}

function checkStrings(): i32 {
  const n = countOf(abi.SECTION_STRINGS);
  let at = sectionOf(abi.SECTION_STRINGS);
  for (let i: u32 = 0; i < n; i++, at += 8) {
    if (!rangeFits(load<u32>(at), load<u32>(at, 4), abi.SECTION_BYTES)) return abi.LOAD_BAD_REFERENCE;
  }
  return abi.LOAD_OK;
}

function checkServices(): i32 {
  const n = countOf(abi.SECTION_SERVICES);
  if (n > <u32>abi.MAX_SERVICES) return abi.LOAD_BAD_VALUE;
  for (let i: u32 = 0; i < n; i++) {
    const at = sectionOf(abi.SECTION_SERVICES) + <usize>i * abi.SERVICE_SIZE;
    const undocumented = load<u32>(at + abi.SERVICE_UNDOCUMENTED);
    if (
      !isStringOrNone(load<i32>(at + abi.SERVICE_HOST)) ||
      !isString(load<i32>(at + abi.SERVICE_PREFIX)) ||
      load<u32>(at + abi.SERVICE_ROOT) >= countOf(abi.SECTION_NODES) ||
      undocumented >= countOf(abi.SECTION_OPERATIONS) ||
      !listFits(load<u32>(at + abi.SERVICE_AUTHS_FIRST), load<u32>(at + abi.SERVICE_AUTHS_COUNT), abi.SECTION_AUTHENTICATORS)
    ) return abi.LOAD_BAD_REFERENCE;
    if (
      !isHost(load<i32>(at + abi.SERVICE_HOST)) ||
      !isPrefix(load<i32>(at + abi.SERVICE_PREFIX)) ||
      load<u32>(at + abi.SERVICE_UNDOCUMENTED_MODE) > <u32>abi.UNDOCUMENTED_REFUSE ||
      load<u32>(at + abi.SERVICE_FLAGS) > <u32>abi.SERVICE_FAIL_OPEN ||
      load<i32>(sectionOf(abi.SECTION_OPERATIONS) + <usize>undocumented * abi.OPERATION_SIZE + abi.OPERATION_SERVICE) != <i32>i
    ) return abi.LOAD_BAD_VALUE;
    for (let j: u32 = 0; j < i; j++) if (!mayPrecede(j, i)) return abi.LOAD_BAD_ORDER;
  }
  return abi.LOAD_OK;
}

/** A host is compared in lower case, so an upper-case one would never match: the compiler's fault, refused here. */
function isHost(index: i32): bool {
  if (index == -1) return true;
  const length = textLength(index);
  if (length == 0 || length > <u32>abi.MAX_HOST) return false;
  for (let i: u32 = 0; i < length; i++) {
    const c = <u32>load<u8>(textAt(index) + i);
    if (c - 0x41 < 26 || c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

function isPrefix(index: i32): bool {
  const length = textLength(index);
  if (length == 0 || length > <u32>abi.MAX_PATH || load<u8>(textAt(index)) != 0x2f) return false;
  return length == 1 || load<u8>(textAt(index) + length - 1) != 0x2f;
}

/** Service `a` before `b`: a host before any host; for the same host the longer prefix first. */
function mayPrecede(a: u32, b: u32): bool {
  const services = sectionOf(abi.SECTION_SERVICES);
  const first = services + <usize>a * abi.SERVICE_SIZE;
  const second = services + <usize>b * abi.SERVICE_SIZE;
  const firstHost = load<i32>(first + abi.SERVICE_HOST);
  const secondHost = load<i32>(second + abi.SERVICE_HOST);
  if (firstHost == -1 && secondHost != -1) return false;
  if (firstHost == -1 || secondHost == -1 ? firstHost != secondHost : !sameText(firstHost, secondHost)) return true;
  return textLength(load<i32>(first + abi.SERVICE_PREFIX)) >= textLength(load<i32>(second + abi.SERVICE_PREFIX));
}

function sameText(a: i32, b: i32): bool {
  return textLength(a) == textLength(b) && bytesOrder(textAt(a), textAt(b), textLength(a)) == 0;
}

/**
 * Nodes are a forest: a child comes after its parent (no cycle) and has only one (so that a match visits a node at most
 * once, however it has to backtrack).
 */
function checkNodes(): i32 {
  const n = countOf(abi.SECTION_NODES);
  memory.fill(PARENTED, 0, (n >> 3) + 1);
  let at = sectionOf(abi.SECTION_NODES);
  for (let i: u32 = 0; i < n; i++, at += abi.NODE_SIZE) {
    const edges = load<u32>(at + abi.NODE_EDGES_FIRST);
    const edgeCount = load<u32>(at + abi.NODE_EDGES_COUNT);
    if (!rangeFits(edges, edgeCount, abi.SECTION_EDGES) || !methodsFit(load<i32>(at + abi.NODE_METHODS_FIRST))) {
      return abi.LOAD_BAD_REFERENCE;
    }
    let code = checkChild(i, load<i32>(at + abi.NODE_PARAMETER));
    if (code == abi.LOAD_OK) code = checkChild(i, load<i32>(at + abi.NODE_WILDCARD));
    if (code == abi.LOAD_OK) code = checkEdges(i, edges, edgeCount);
    if (code != abi.LOAD_OK) return code;
  }
  return abi.LOAD_OK;
}

function methodsFit(first: i32): bool {
  if (first == -1) return true;
  if (!rangeFits(first, abi.METHOD_COUNT, abi.SECTION_REFS)) return false;
  for (let m = 0; m < abi.METHOD_COUNT; m++) {
    const operation = load<i32>(sectionOf(abi.SECTION_REFS) + (<usize>(first + m) << 2));
    if (operation != -1 && <u32>operation >= countOf(abi.SECTION_OPERATIONS)) return false;
  }
  return true;
}

function checkChild(parent: u32, child: i32): i32 {
  if (child == -1) return abi.LOAD_OK;
  if (<u32>child >= countOf(abi.SECTION_NODES)) return abi.LOAD_BAD_REFERENCE;
  const bits = PARENTED + (<usize>child >> 3);
  const bit: u8 = 1 << (<u8>child & 7);
  if (<u32>child <= parent || (load<u8>(bits) & bit) != 0) return abi.LOAD_BAD_ORDER;
  store<u8>(bits, load<u8>(bits) | bit);
  return abi.LOAD_OK;
}

function checkEdges(parent: u32, first: u32, count: u32): i32 {
  let previous: usize = 0;
  let at = sectionOf(abi.SECTION_EDGES) + <usize>first * abi.EDGE_SIZE;
  for (let i: u32 = 0; i < count; i++, at += abi.EDGE_SIZE) {
    const length = load<u32>(at + abi.EDGE_LENGTH);
    if (!rangeFits(load<u32>(at + abi.EDGE_OFFSET), length, abi.SECTION_BYTES)) return abi.LOAD_BAD_REFERENCE;
    const code = checkChild(parent, load<i32>(at + abi.EDGE_CHILD));
    if (code != abi.LOAD_OK) return code;
    if (previous != 0 && !edgePrecedes(previous, at)) return abi.LOAD_BAD_ORDER;
    previous = at;
  }
  return abi.LOAD_OK;
}

function edgePrecedes(a: usize, b: usize): bool {
  const length = load<u32>(a + abi.EDGE_LENGTH);
  if (length != load<u32>(b + abi.EDGE_LENGTH)) return length < load<u32>(b + abi.EDGE_LENGTH);
  const text = sectionOf(abi.SECTION_BYTES);
  return bytesOrder(text + load<u32>(a + abi.EDGE_OFFSET), text + load<u32>(b + abi.EDGE_OFFSET), length) < 0;
}

function checkOperations(): i32 {
  const n = countOf(abi.SECTION_OPERATIONS);
  if (n == 0 || n > <u32>abi.MAX_OPERATIONS) return abi.LOAD_BAD_VALUE;
  let at = sectionOf(abi.SECTION_OPERATIONS);
  for (let i: u32 = 0; i < n; i++, at += abi.OPERATION_SIZE) {
    const limits = load<u32>(at + abi.OPERATION_LIMITS_COUNT);
    if (limits > <u32>abi.MAX_REQUEST_LIMITS || load<u32>(at + abi.OPERATION_COST) - 1 >= <u32>abi.MAX_COST) return abi.LOAD_BAD_VALUE;
    const scopes = load<u32>(at + abi.OPERATION_SCOPES_COUNT);
    const service = load<i32>(at + abi.OPERATION_SERVICE);
    if (i == 0 ? service != -1 : <u32>service >= countOf(abi.SECTION_SERVICES)) return abi.LOAD_BAD_REFERENCE;
    if (
      !listFits(load<u32>(at + abi.OPERATION_SCOPES_FIRST), scopes, abi.SECTION_STRINGS) ||
      !rangeFits(load<u32>(at + abi.OPERATION_CARRIERS_FIRST), scopes, abi.SECTION_REFS) ||
      !listFits(load<u32>(at + abi.OPERATION_LIMITS_FIRST), limits, abi.SECTION_LIMITS)
    ) return abi.LOAD_BAD_REFERENCE;
    const code = checkBinds(load<u32>(at + abi.OPERATION_BINDS_FIRST), load<u32>(at + abi.OPERATION_BINDS_COUNT));
    if (code != abi.LOAD_OK) return code;
  }
  return abi.LOAD_OK;
}

/** Pairs {segment, subject}: the core walks a path once, so that segments rise. */
function checkBinds(first: u32, count: u32): i32 {
  if (count > <u32>abi.MAX_BINDS) return abi.LOAD_BAD_VALUE;
  if (!rangeFits(first, count << 1, abi.SECTION_REFS)) return abi.LOAD_BAD_REFERENCE;
  let previous = -1;
  let at = sectionOf(abi.SECTION_REFS) + (<usize>first << 2);
  for (let i: u32 = 0; i < count; i++, at += 8) {
    const segment = load<i32>(at);
    const subject = load<i32>(at, 4);
    if (<u32>segment >= <u32>abi.MAX_SEGMENTS || subject < abi.BIND_PRINCIPAL || subject >= abi.MAX_CUSTOM_CLAIMS) {
      return abi.LOAD_BAD_VALUE;
    }
    if (segment <= previous) return abi.LOAD_BAD_ORDER;
    previous = segment;
  }
  return abi.LOAD_OK;
}

function checkLimits(): i32 {
  const n = countOf(abi.SECTION_LIMITS);
  if (n > <u32>abi.MAX_LIMIT_RECORDS) return abi.LOAD_BAD_VALUE;
  let at = sectionOf(abi.SECTION_LIMITS);
  for (let i: u32 = 0; i < n; i++, at += abi.LIMIT_SIZE) {
    if (!isLimit(at)) return abi.LOAD_BAD_VALUE;
    const code = checkKeyParts(load<u32>(at + abi.LIMIT_PARTS_FIRST), load<u32>(at + abi.LIMIT_PARTS_COUNT));
    if (code != abi.LOAD_OK) return code;
  }
  return abi.LOAD_OK;
}

const LIMIT_FLAGS: u32 =
  abi.LIMIT_STRICT | abi.LIMIT_BY_ADDRESS | abi.LIMIT_SHADOW | abi.LIMIT_WIDE | abi.LIMIT_AWAY_REFUSES | abi.LIMIT_PENALTY;

function isLimit(at: usize): bool {
  const flags = load<u32>(at + abi.LIMIT_FLAGS);
  const kind = load<u32>(at + abi.LIMIT_KIND);
  const counts = load<u32>(at + abi.LIMIT_COUNTS);
  const wide = (flags & abi.LIMIT_WIDE) != 0;
  if ((flags & ~LIMIT_FLAGS) != 0 || load<u32>(at + abi.LIMIT_BURST) == 0) return false;
  if (kind >= <u32>abi.LIMIT_KIND_COUNT || counts >= <u32>abi.COUNT_KINDS) return false;
  if (!(counts >= <u32>abi.COUNT_BYTES_IN ? isByteRate(at + abi.LIMIT_INTERVAL_US) : isRate(at + abi.LIMIT_INTERVAL_US))) return false;
  // What cannot be decided by itself is decided by leases, and what is counted here alone is not.
  if (kind == abi.LIMIT_QUOTA ? !wide : kind == abi.LIMIT_CONCURRENT && (wide || counts != abi.COUNT_REQUESTS)) return false;
  if (kind == abi.LIMIT_CONCURRENT && load<u32>(at + abi.LIMIT_BURST) > <u32>abi.MAX_CONCURRENT) return false;
  return (load<u32>(at + abi.LIMIT_HOLD_S) != 0) == (kind == abi.LIMIT_CONCURRENT);
}

function checkKeyParts(first: u32, count: u32): i32 {
  if (count - 1 >= <u32>abi.MAX_KEY_PARTS) return abi.LOAD_BAD_VALUE;
  if (!rangeFits(first, count << 1, abi.SECTION_REFS)) return abi.LOAD_BAD_REFERENCE;
  let at = sectionOf(abi.SECTION_REFS) + (<usize>first << 2);
  for (let i: u32 = 0; i < count; i++, at += 8) if (!isKeyPart(load<u32>(at), load<i32>(at, 4))) return abi.LOAD_BAD_VALUE;
  return abi.LOAD_OK;
}

function isKeyPart(kind: u32, argument: i32): bool {
  if (kind == abi.KEY_CLAIM) return <u32>argument < <u32>abi.MAX_CUSTOM_CLAIMS;
  if (kind == abi.KEY_PARAMETER) return argument >= -1 && argument < abi.MAX_SEGMENTS;
  if (kind == abi.KEY_HEADER) return <u32>argument < <u32>abi.KEY_HEADERS;
  return kind < <u32>abi.KEY_COUNT && argument == -1;
}

// Everything that makes a policy image safe to read, checked once: after LOAD_OK the request path reads without checks.
import * as abi from "../abi";
import { SIGN1_ALGORITHMS } from "./cose-message";
import { areNetworks } from "./networks";
import { SCRATCH_FREE } from "./scratch";
import { bytesOrder } from "./text";

/** The image under check. */
let base: usize = 0;

const ALGORITHMS: u32 = ((1 << abi.ALG_COUNT) - 1) | (1 << abi.ALG_HMAC_256_64) | (1 << abi.ALG_HMAC_256_256);

/** Which nodes already have a parent: one bit a node. */
const PARENTED: usize = SCRATCH_FREE;

@inline
function sectionOf(section: i32): usize {
  return base + load<u32>(base + abi.HEADER_SECTIONS + (<usize>section << 3));
}

@inline
function countOf(section: i32): u32 {
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

/**
 * Checks the image of `length` bytes at `address`. Bounds come before anything that follows an index, so that a hostile
 * image can at worst be refused.
 *
 * @returns LOAD_*
 */
export function checkImage(address: usize, length: u32): i32 {
  base = address;
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

/** FNV-1a over what follows the header, then over the section directory: finds damage, not forgery (the seal does that). */
function checksum(length: u32): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let i: usize = abi.IMAGE_HEADER; i < length; i++) hash = (hash ^ load<u8>(base + i)) * 0x01000193;
  for (let i: usize = abi.HEADER_SECTIONS; i < <usize>abi.IMAGE_HEADER; i++) hash = (hash ^ load<u8>(base + i)) * 0x01000193;
  return hash;
}

function sectionsFit(length: u32): bool {
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
function rangeFits(first: u32, count: u32, section: i32): bool {
  return <u64>first + count <= countOf(section);
}

@inline
function isString(index: i32): bool {
  return <u32>index < countOf(abi.SECTION_STRINGS);
}

@inline
function isStringOrNone(index: i32): bool {
  return index == -1 || isString(index);
}

/** The list {first, count} lies in the refs, and each of its items names a record of `section`. */
function listFits(first: u32, count: u32, section: i32): bool {
  if (!rangeFits(first, count, abi.SECTION_REFS)) return false;
  const limit = countOf(section);
  let at = sectionOf(abi.SECTION_REFS) + (<usize>first << 2);
  for (let i: u32 = 0; i < count; i++, at += 4) if (load<u32>(at) >= limit) return false;
  return true;
}

function textAt(index: i32): usize {
  return sectionOf(abi.SECTION_BYTES) + load<u32>(sectionOf(abi.SECTION_STRINGS) + (<usize>index << 3));
}

function textLength(index: i32): u32 {
  return load<u32>(sectionOf(abi.SECTION_STRINGS) + (<usize>index << 3), 4);
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

/** T and τ, one behind the other, are whole µs, so small that now + τ + T stays exact in a double and in a cell's 55 bits. */
function isRate(at: usize): bool {
  const interval = load<f64>(at);
  const tolerance = load<f64>(at, 8);
  const sum = interval + tolerance;
  return interval >= 1 && tolerance >= 0 && sum <= 4503599627370496 && floor(interval) == interval && floor(tolerance) == tolerance; // 2^52
}

function checkLimits(): i32 {
  const n = countOf(abi.SECTION_LIMITS);
  let at = sectionOf(abi.SECTION_LIMITS);
  for (let i: u32 = 0; i < n; i++, at += abi.LIMIT_SIZE) {
    if (
      !isRate(at + abi.LIMIT_INTERVAL_US) ||
      load<u32>(at + abi.LIMIT_FLAGS) > <u32>(abi.LIMIT_STRICT | abi.LIMIT_BY_ADDRESS | abi.LIMIT_SHADOW) ||
      load<u32>(at + abi.LIMIT_BURST) == 0
    ) return abi.LOAD_BAD_VALUE;
    const code = checkKeyParts(load<u32>(at + abi.LIMIT_PARTS_FIRST), load<u32>(at + abi.LIMIT_PARTS_COUNT));
    if (code != abi.LOAD_OK) return code;
  }
  return abi.LOAD_OK;
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

/** One secret, and no signatures: their claims are judged before anybody has looked at the key's id, by which a device is named. */
function isDerivable(auth: usize): bool {
  return load<u32>(auth + abi.AUTH_KEYS_COUNT) != 0 && (load<u32>(auth + abi.AUTH_ALGORITHMS) & SIGN1_ALGORITHMS) == 0;
}

function checkAuthenticators(): i32 {
  const n = countOf(abi.SECTION_AUTHENTICATORS);
  let at = sectionOf(abi.SECTION_AUTHENTICATORS);
  for (let i: u32 = 0; i < n; i++, at += abi.AUTH_SIZE) {
    const claims = load<u32>(at + abi.AUTH_CLAIMS_COUNT);
    const flags = load<u32>(at + abi.AUTH_FLAGS);
    if (
      load<u32>(at + abi.AUTH_TYPE) > <u32>abi.AUTH_CWT ||
      load<u32>(at + abi.AUTH_SLOT) >= <u32>abi.CREDENTIAL_SLOTS ||
      (load<u32>(at + abi.AUTH_ALGORITHMS) & ~ALGORITHMS) != 0 ||
      load<u32>(at + abi.AUTH_KIND) > <u32>abi.KIND_PARTNER ||
      load<u32>(at + abi.AUTH_TOLERANCE_S) > 86400 ||
      claims > <u32>abi.MAX_CUSTOM_CLAIMS ||
      load<u32>(at + abi.AUTH_ROLES_COUNT) > <u32>abi.MAX_ROLES ||
      !isPossession(at, flags) ||
      ((flags & abi.AUTH_STORED) != 0 && load<u32>(at + abi.AUTH_TYPE) != abi.AUTH_API_KEY) ||
      ((load<u32>(at + abi.AUTH_TYPE) != abi.AUTH_API_KEY || (flags & abi.AUTH_STORED) != 0) && !isRate(at + abi.AUTH_VERIFY_INTERVAL_US)) ||
      ((flags & abi.AUTH_DERIVED) != 0 && !isDerivable(at))
    ) return abi.LOAD_BAD_VALUE;
    if (
      !isStringOrNone(load<i32>(at + abi.AUTH_ISSUER)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_SCOPES)) ||
      !isString(load<i32>(at + abi.AUTH_NAME)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_TYP)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_ENVIRONMENT)) ||
      !listFits(load<u32>(at + abi.AUTH_AUDIENCES_FIRST), load<u32>(at + abi.AUTH_AUDIENCES_COUNT), abi.SECTION_STRINGS) ||
      !rangeFits(load<u32>(at + abi.AUTH_KEYS_FIRST), load<u32>(at + abi.AUTH_KEYS_COUNT), abi.SECTION_HMAC_KEYS) ||
      !listFits(load<u32>(at + abi.AUTH_CLAIMS_FIRST), claims, abi.SECTION_STRINGS) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_ROLES_CLAIM)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_FIRMWARE)) ||
      !listFits(load<u32>(at + abi.AUTH_ROLES_FIRST), load<u32>(at + abi.AUTH_ROLES_COUNT), abi.SECTION_STRINGS)
    ) return abi.LOAD_BAD_REFERENCE;
  }
  return abi.LOAD_OK;
}

/** Known flags that agree, and a proof's age that keeps dates whole numbers of 32 bits. */
function isPossession(at: usize, flags: u32): bool {
  if ((flags & ~(abi.AUTH_DERIVED | abi.AUTH_EXPIRY_OPTIONAL | abi.AUTH_POSSESSION | abi.AUTH_STORED)) != 0) return false;
  const age = load<u32>(at + abi.AUTH_PROOF_AGE_S);
  if ((flags & abi.AUTH_DPOP) == 0) return age == 0 && (flags & (abi.AUTH_DPOP_REQUIRED | abi.AUTH_DPOP_NONCE)) == 0;
  return age >= 1 && age <= 86400;
}

function checkHmacKeys(): i32 {
  const n = countOf(abi.SECTION_HMAC_KEYS);
  let at = sectionOf(abi.SECTION_HMAC_KEYS);
  for (let i: u32 = 0; i < n; i++, at += abi.HMAC_KEY_SIZE) {
    if (!isStringOrNone(load<i32>(at + abi.HMAC_KEY_KID))) return abi.LOAD_BAD_REFERENCE;
  }
  return abi.LOAD_OK;
}

function checkApiKeys(): i32 {
  const n = countOf(abi.SECTION_API_KEYS);
  let at = sectionOf(abi.SECTION_API_KEYS);
  for (let i: u32 = 0; i < n; i++, at += abi.API_KEY_SIZE) {
    if (
      load<u32>(at + abi.API_KEY_AUTHENTICATOR) >= countOf(abi.SECTION_AUTHENTICATORS) ||
      !isString(load<i32>(at + abi.API_KEY_ID)) ||
      !isStringOrNone(load<i32>(at + abi.API_KEY_SCOPES)) ||
      !isStringOrNone(load<i32>(at + abi.API_KEY_NETWORKS))
    ) return abi.LOAD_BAD_REFERENCE;
    const expires = load<f64>(at + abi.API_KEY_EXPIRES_MS);
    if (load<u32>(at + abi.API_KEY_KIND) > <u32>abi.KIND_PARTNER || !(expires >= 0 && expires < Infinity)) return abi.LOAD_BAD_VALUE;
    const networks = load<i32>(at + abi.API_KEY_NETWORKS);
    if (networks >= 0 && !areNetworks(textAt(networks), textLength(networks))) return abi.LOAD_BAD_VALUE;
    if (i > 0 && !apiKeyPrecedes(at - abi.API_KEY_SIZE, at)) return abi.LOAD_BAD_ORDER;
  }
  return abi.LOAD_OK;
}

function apiKeyPrecedes(a: usize, b: usize): bool {
  const order = bytesOrder(a + abi.API_KEY_DIGEST, b + abi.API_KEY_DIGEST, 32);
  if (order != 0) return order < 0;
  return load<u32>(a + abi.API_KEY_AUTHENTICATOR) < load<u32>(b + abi.API_KEY_AUTHENTICATOR);
}

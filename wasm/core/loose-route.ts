// A second reading of a path, as an upstream would have it that decodes every escape and perhaps ignores the case of letters.
// Where it finds another operation than the exact reading, the path is ambiguous. Slower than the exact reading, and bounded
// like it: each node at most once, each edge of a visited node at most once.
import * as abi from "../abi";
import { hostMatches } from "./host";
import { bytes, edges, serviceCount, services, stringAddress, stringLength } from "./image";
import { matchLength } from "./path";
import { nodeAt, terminal } from "./trie";

let foldCase: bool = false;
let pathEnd: usize = 0;
let trailingSlash: bool = false;

/**
 * Does the loose reading find another service or node than the exact one?
 *
 * @param service exact reading's service, -1 = none
 * @param node exact reading's node, -1 = none
 * @param fold ignore the case of letters
 */
export function looseRead(service: i32, node: i32, trailing: bool, fold: bool): bool {
  foldCase = fold;
  trailingSlash = trailing;
  pathEnd = abi.PATH + matchLength;
  const looseService = findService();
  if (looseService != service) return true;
  if (looseService < 0) return false;
  const root = load<i32>(services + <usize>looseService * abi.SERVICE_SIZE + abi.SERVICE_ROOT);
  const found = walk(root, abi.PATH + 1);
  return found >= 0 && found != node;
}

function findService(): i32 {
  for (let i = 0; i < serviceCount; i++) {
    const service = services + <usize>i * abi.SERVICE_SIZE;
    if (hostMatches(service) && prefixMatches(load<i32>(service + abi.SERVICE_PREFIX))) return i;
  }
  return -1;
}

/** Does the path begin with the whole segments of the prefix? */
function prefixMatches(prefix: i32): bool {
  const length = stringLength(prefix);
  if (length == 1) return true;
  const rest = skipLiteral(abi.PATH, pathEnd, stringAddress(prefix), length);
  return rest != 0 && (rest == pathEnd || load<u8>(rest) == 0x2f);
}

function walk(index: i32, at: usize): i32 {
  if (at >= pathEnd) return terminal(index, trailingSlash);
  const node = nodeAt(index);
  let segmentEnd = at;
  while (segmentEnd < pathEnd && load<u8>(segmentEnd) != 0x2f) segmentEnd++;
  let edge = edges + <usize>load<i32>(node + abi.NODE_EDGES_FIRST) * abi.EDGE_SIZE;
  for (let i = load<i32>(node + abi.NODE_EDGES_COUNT); i > 0; i--, edge += abi.EDGE_SIZE) {
    const literal = bytes + load<u32>(edge + abi.EDGE_OFFSET);
    if (skipLiteral(at, segmentEnd, literal, load<i32>(edge + abi.EDGE_LENGTH)) != segmentEnd) continue;
    const found = walk(load<i32>(edge + abi.EDGE_CHILD), segmentEnd + 1);
    if (found >= 0) return found;
  }
  const parameter = load<i32>(node + abi.NODE_PARAMETER);
  if (parameter >= 0) {
    const found = walk(parameter, segmentEnd + 1);
    if (found >= 0) return found;
  }
  const wildcard = load<i32>(node + abi.NODE_WILDCARD);
  return wildcard >= 0 ? terminal(wildcard, trailingSlash) : -1;
}

/** Where the text goes on after the literal, both decoded; 0 = it does not begin with it. */
function skipLiteral(at: usize, end: usize, literal: usize, length: i32): usize {
  const literalEnd = literal + length;
  while (literal < literalEnd) {
    if (at >= end || decoded(at, end) != decoded(literal, literalEnd)) return 0;
    at += width(at, end);
    literal += width(literal, literalEnd);
  }
  return at;
}

@inline
function isEscape(at: usize, end: usize): bool {
  return load<u8>(at) == 0x25 && end - at >= 3;
}

@inline
function width(at: usize, end: usize): usize {
  return isEscape(at, end) ? 3 : 1;
}

/** The byte that stands at `at`, an escape decoded (normalized: its digits are 0-9 A-F), case folded where asked. */
function decoded(at: usize, end: usize): u32 {
  let c = <u32>load<u8>(at);
  if (isEscape(at, end)) c = (digit(load<u8>(at, 1)) << 4) | digit(load<u8>(at, 2));
  return foldCase && c - 0x41 < 26 ? c | 0x20 : c;
}

@inline
function digit(c: u32): u32 {
  return c < 0x41 ? c - 0x30 : c - 0x37;
}

// The compiled segment trie: literal before parameter before wildcard, with backtracking. A node has one parent (checked when
// the image was loaded), so a match visits each node at most once, and no deeper than MAX_SEGMENTS.
import * as abi from "../abi";
import { bytes, edges, nodes } from "./image";
import { bytesOrder } from "./text";

/** The path's end for the matcher, and whether a slash stands there that the matcher ignores. */
let pathEnd: usize = 0;
let trailingSlash: bool = false;

@inline
export function nodeAt(index: i32): usize {
  return nodes + <usize>index * abi.NODE_SIZE;
}

@inline
function edgeAt(index: i32): usize {
  return edges + <usize>index * abi.EDGE_SIZE;
}

/**
 * The node whose template matches the path at PATH.
 *
 * @param root node where templates start
 * @param length bytes of the path without its trailing slash
 * @param trailing a slash stands at `length`
 * @returns node index, -1 = none
 */
export function trieMatch(root: i32, length: i32, trailing: bool): i32 {
  pathEnd = abi.PATH + length;
  trailingSlash = trailing;
  return walk(root, abi.PATH + 1);
}

function walk(index: i32, at: usize): i32 {
  if (at >= pathEnd) return terminal(index, trailingSlash);
  const node = nodeAt(index);
  const segmentEnd = nextSlash(at);
  const child = findEdge(load<i32>(node + abi.NODE_EDGES_FIRST), load<i32>(node + abi.NODE_EDGES_COUNT), at, <i32>(segmentEnd - at));
  if (child >= 0) {
    const found = walk(child, segmentEnd + 1);
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

/**
 * The node that ends a template here. A template may itself end in "/", which the image holds as an empty last segment: it
 * goes first for a path with a trailing slash, and second for one without.
 */
export function terminal(index: i32, trailing: bool): i32 {
  const node = nodeAt(index);
  const here = load<i32>(node + abi.NODE_METHODS_FIRST) >= 0;
  if (here && !trailing) return index;
  const edge = edgeAt(load<i32>(node + abi.NODE_EDGES_FIRST));
  if (load<i32>(node + abi.NODE_EDGES_COUNT) > 0 && load<i32>(edge + abi.EDGE_LENGTH) == 0) {
    const slash = load<i32>(edge + abi.EDGE_CHILD);
    if (load<i32>(nodeAt(slash) + abi.NODE_METHODS_FIRST) >= 0) return slash;
  }
  return here ? index : -1;
}

/** Address of the next slash from `at`, or the path's end. */
@inline
function nextSlash(at: usize): usize {
  while (at < pathEnd) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0x2f)));
    if (mask != 0) {
      at += ctz(mask);
      break;
    }
    at += 16;
  }
  return min(at, pathEnd);
}

/**
 * Binary search among edges sorted by (length, bytes); the child, or -1. It always goes the whole way, so that which half is
 * taken is a value and not a jump: a jump would be guessed wrong every other time.
 */
function findEdge(first: i32, count: i32, text: usize, length: i32): i32 {
  if (count == 0) return -1;
  while (count > 1) {
    const half = count >>> 1;
    first = select(first + half, first, edgeOrder(edgeAt(first + half), text, length) <= 0);
    count -= half;
  }
  const edge = edgeAt(first);
  return edgeOrder(edge, text, length) == 0 ? load<i32>(edge + abi.EDGE_CHILD) : -1;
}

/** Below, at or above 0 as the edge's literal sorts before, at or after the text. */
@inline
function edgeOrder(edge: usize, text: usize, length: i32): i32 {
  const order = load<i32>(edge + abi.EDGE_LENGTH) - length;
  return order != 0 ? order : bytesOrder(bytes + load<u32>(edge + abi.EDGE_OFFSET), text, length);
}

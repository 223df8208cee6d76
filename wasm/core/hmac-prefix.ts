// Tokens of one issuer begin alike: header, iss and aud fill their first blocks. The SHA-256 states behind the last message's first
// blocks are kept, and the next message under the same key is hashed from behind those that it shares with it. A state
// depends on nothing but the key and the bytes before it, so it holds whether or not the message's tag was good. What the
// time tells is whether two tokens in a row share their first 64 bytes, which are no secret: a token's payload is only encoded.
import { compress, stateKeep, stateResume, stateStart } from "./sha256";

const BLOCK: usize = 64;
const STATE: usize = 32;
const MAX_BLOCKS: i32 = 4;

const KEY_STATE: usize = memory.data(32, 16); // the inner state under which the rest was computed
const BYTES: usize = memory.data(256, 16); // MAX_BLOCKS × BLOCK
const STATES: usize = memory.data(128, 16); // the state behind each of those blocks

let kept: i32 = 0;

/**
 * Hashes the first whole blocks of an HMAC's message into SHA-256's STATE, at most MAX_BLOCKS.
 *
 * @param innerState 32 bytes: the state after key ⊕ ipad, big-endian
 * @returns bytes hashed, a multiple of 64
 */
export function prefixHash(innerState: usize, address: usize, length: i32): i32 {
  if (!sameVectors(KEY_STATE, innerState, STATE)) {
    copyVectors(KEY_STATE, innerState, STATE);
    kept = 0;
  }
  const blocks = min(length >> 6, MAX_BLOCKS);
  const shared = sharedBlocks(address, min(blocks, kept));
  if (shared == 0) stateStart(innerState);
  else stateResume(STATES + <usize>(shared - 1) * STATE);
  if (shared < blocks) {
    for (let i = shared; i < blocks; i++) keepBlock(address, <usize>i);
    kept = blocks;
  }
  return blocks << 6;
}

@inline
function sharedBlocks(address: usize, most: i32): i32 {
  let shared = 0;
  while (shared < most && sameVectors(BYTES + <usize>shared * BLOCK, address + <usize>shared * BLOCK, BLOCK)) shared++;
  return shared;
}

@inline
function keepBlock(address: usize, index: usize): void {
  compress(address + index * BLOCK);
  copyVectors(BYTES + index * BLOCK, address + index * BLOCK, BLOCK);
  stateKeep(STATES + index * STATE);
}

/** Compares all `size` bytes, a multiple of 16, whatever the first of them are: one of the places may hold a key's state. */
@inline
function sameVectors(a: usize, b: usize, size: usize): bool {
  let difference = i32x4.splat(0);
  for (let i: usize = 0; i < size; i += 16) difference = v128.or(difference, v128.xor(v128.load(a + i), v128.load(b + i)));
  return !v128.any_true(difference);
}

@inline
function copyVectors(to: usize, from: usize, size: usize): void {
  for (let i: usize = 0; i < size; i += 16) v128.store(to + i, v128.load(from + i));
}

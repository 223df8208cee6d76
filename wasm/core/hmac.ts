// HMAC-SHA-256 (RFC 2104, FIPS 198-1). On the request path the key is two stored states, never the key itself: after
// key ⊕ ipad and after key ⊕ opad. That saves two blocks a token.

import { prefixHash } from "./hmac-prefix";
import { sha256, sha256From, sha256Rest, stateAfterBlock } from "./sha256";

const BLOCK: i32 = 64;
const INNER: usize = memory.data(32, 16); // the inner digest
const EXPECTED: usize = memory.data(32, 16); // the tag as it ought to be
const PADDED_KEY: usize = memory.data(64, 16);
const INNER_STATE: usize = memory.data(32, 16);
const OUTER_STATE: usize = memory.data(32, 16);

/**
 * True when the 32 bytes at `tag` are the HMAC-SHA-256 of the message. Time depends on `length`, and on how many leading blocks
 * the message shares with the one before (hmac-prefix.ts); not on key or tag.
 *
 * @param innerState 32 bytes: SHA-256 state after key ⊕ ipad, big-endian
 * @param outerState 32 bytes: … after key ⊕ opad
 * @param address the message; up to 64 bytes behind it are read
 */
export function hmacVerify(innerState: usize, outerState: usize, address: usize, length: i32, tag: usize): bool {
  expect(innerState, outerState, address, length);
  const low = v128.xor(v128.load(EXPECTED), v128.load(tag));
  const high = v128.xor(v128.load(EXPECTED, 16), v128.load(tag, 16));
  return !v128.any_true(v128.or(low, high));
}

/** As hmacVerify, for a tag that is cut to its first 8 bytes (HMAC 256/64, RFC 9053 §3.1). */
export function hmacVerifyShort(innerState: usize, outerState: usize, address: usize, length: i32, tag: usize): bool {
  expect(innerState, outerState, address, length);
  return load<u64>(EXPECTED) == load<u64>(tag); // one comparison: nothing tells where they differ
}

function expect(innerState: usize, outerState: usize, address: usize, length: i32): void {
  const hashed = prefixHash(innerState, address, length);
  sha256Rest(BLOCK + hashed, address + hashed, length - hashed, INNER);
  sha256From(outerState, BLOCK, INNER, 32, EXPECTED);
}

/** HMAC-SHA-256 into 32 bytes at `out`, from a key's states. Up to 64 bytes behind the message are read. */
export function hmacDigest(innerState: usize, outerState: usize, address: usize, length: i32, out: usize): void {
  sha256From(innerState, BLOCK, address, length, INNER);
  sha256From(outerState, BLOCK, INNER, 32, out);
}

/** The states of the key that fills the 64 bytes at `block`, zeros behind it. */
export function hmacStates(block: usize, innerState: usize, outerState: usize): void {
  memory.copy(PADDED_KEY, block, BLOCK);
  maskedState(0x36, innerState);
  maskedState(0x36 ^ 0x5c, outerState);
  memory.fill(PADDED_KEY, 0, BLOCK);
}

// The state after key ⊕ pad; `pad` is what turns the key block's present mask into the one wanted.
function maskedState(pad: i32, out: usize): void {
  for (let i: usize = 0; i < 64; i += 16) {
    v128.store(PADDED_KEY + i, v128.xor(v128.load(PADDED_KEY + i), i8x16.splat(<i8>pad)));
  }
  stateAfterBlock(PADDED_KEY, out);
}

/** HMAC-SHA-256 of `length` bytes at `address` under the key's bytes, into 32 bytes at `out`: for vectors and tools. */
export function hmac_sha256(keyAddress: usize, keyLength: i32, address: usize, length: i32, out: usize): void {
  memory.fill(PADDED_KEY, 0, BLOCK);
  if (keyLength > BLOCK) sha256(keyAddress, keyLength, PADDED_KEY);
  else memory.copy(PADDED_KEY, keyAddress, keyLength);
  hmacStates(PADDED_KEY, INNER_STATE, OUTER_STATE);
  hmacDigest(INNER_STATE, OUTER_STATE, address, length, out);
}

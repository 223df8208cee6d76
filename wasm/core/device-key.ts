// A fleet's devices each have a key of their own, derived from one secret: HKDF-Expand (RFC 5869 §2.3) with HMAC-SHA-256,
// PRK = the secret, info = the device's id, L = 32: that is HMAC-SHA-256(secret, id || 0x01). An id is UTF-8, which no
// MAC_structure begins as, and the 0x01 ends no JWT's signing input: the same secret used for tokens would give no key away.
import * as abi from "../abi";
import { hmacDigest, hmacStates } from "./hmac";
import { isHeaderWord } from "./header-safe";
import { isUtf8 } from "./utf8";

/** Bytes of an id: deriving costs at most three blocks for it, one for the outer hash and two for the key. */
const MAX_ID: i32 = 128;
const ROOM_BEHIND: i32 = 64;

/** The id that deviceKeyDerive was given last. It outlives the token. */
export const deviceId: usize = memory.data(MAX_ID + 1 + ROOM_BEHIND, 16);
export let deviceIdLength: i32 = 0;

const KEY: usize = memory.data(64, 16); // a whole block: zeros behind the key's 32 bytes
/** HMAC states of the derived key. */
export const deviceInner: usize = memory.data(32, 16);
export const deviceOuter: usize = memory.data(32, 16);

/**
 * Derives the key of the device whose id is the `length` bytes at `id`.
 *
 * @param master HMAC key record: the secret as states
 * @returns false when it is no id: it has to be a word that a header can carry, because it names the caller
 */
export function deviceKeyDerive(master: usize, id: usize, length: i32): bool {
  if (length > MAX_ID || !isHeaderWord(id, length) || !isUtf8(id, id + length)) return false;
  memory.copy(deviceId, id, length);
  store<u8>(deviceId + length, 0x01);
  deviceIdLength = length;
  hmacDigest(master + abi.HMAC_KEY_INNER, master + abi.HMAC_KEY_OUTER, deviceId, length + 1, KEY);
  hmacStates(KEY, deviceInner, deviceOuter);
  return true;
}

// API keys that D1 keeps, as the host read them (layout in ../abi.ts). What was read holds for a minute at most, so that what D1
// says is in force everywhere after it; what must not wait so long, a key that was disabled, is revoked by the overlay besides.
// A new policy forgets all. Keys are known by their SHA-256, compared whole, and only keys that exist are kept: junk evicts none.
import * as abi from "../abi";
import { authenticatorCount, authenticators, image, imageGeneration } from "./image";
import { areNetworks } from "./networks";
import { bytesEqual } from "./text";
import { tokenDistrust, tokenRecall } from "./token-cache";

const ENTRY: usize = abi.KEY_FACT_SIZE;
const BUCKET: usize = 8 * ENTRY;

/** What was read holds for less than so long. */
const MAX_AGE_MS: f64 = 60000;
/** From this age on it is read anew while it still serves, and, should that fail, tried again after so long. */
const RENEW_AFTER_MS: f64 = 30000;
const RETRY_MS: f64 = 5000;

let evictions: i32 = 0;

/** keyFact found one that should be read anew: said to one request at a time. */
export let keyFactAges: bool = false;

/** Address of what is known of the key with that digest, 0 = nothing that still holds. */
export function keyFact(digest: usize, authenticator: i32, nowMs: f64): usize {
  const entry = entryOf(digest, authenticator);
  keyFactAges = false;
  if (entry == 0) return 0;
  const readMs = load<f64>(entry, abi.KEY_FACT_READ_MS);
  // A clock set back must not prolong what was read in its future.
  if (!(nowMs >= readMs && nowMs - readMs < MAX_AGE_MS)) return 0;
  keyFactAges = nowMs >= load<f64>(entry, abi.KEY_FACT_RENEW_MS);
  if (keyFactAges) store<f64>(entry, nowMs + RETRY_MS, abi.KEY_FACT_RENEW_MS);
  return entry;
}

@inline
function bucketOf(digest: usize): usize {
  return <usize>abi.KEY_FACTS + <usize>(load<u32>(digest) & (abi.KEY_FACT_ENTRIES / 8 - 1)) * BUCKET;
}

function entryOf(digest: usize, authenticator: i32): usize {
  const bucket = bucketOf(digest);
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) {
    if (
      load<i32>(entry, abi.KEY_FACT_AUTHENTICATOR) == authenticator &&
      load<i32>(entry, abi.KEY_FACT_GENERATION) == imageGeneration &&
      bytesEqual(entry, digest, 32)
    ) return entry;
  }
  return 0;
}

/**
 * Takes what was read of a key, which stands at SCRATCH. The image in force must be the one under which it was asked for.
 *
 * @returns REASON_NONE; REASON_POLICY_MISSING when there is no such authenticator; REASON_API_KEY_UNKNOWN when the facts are
 * not sound: then nothing changes
 */
export function key_learn(): i32 {
  const authenticator = load<i32>(abi.SCRATCH, abi.KEY_FACT_AUTHENTICATOR);
  if (!isStore(authenticator)) return abi.REASON_POLICY_MISSING;
  const readMs = load<f64>(abi.SCRATCH, abi.KEY_FACT_READ_MS);
  if (!(readMs > 0) || !isSound(abi.SCRATCH)) return abi.REASON_API_KEY_UNKNOWN;
  let entry = entryOf(abi.SCRATCH, authenticator);
  if (entry != 0 && load<f64>(entry, abi.KEY_FACT_READ_MS) > readMs) return abi.REASON_NONE; // what overtook it is newer
  if (entry == 0) entry = placeFor(bucketOf(abi.SCRATCH), readMs);
  memory.copy(entry, abi.SCRATCH, ENTRY);
  store<i32>(entry, imageGeneration, abi.KEY_FACT_GENERATION);
  store<f64>(entry, readMs + RENEW_AFTER_MS, abi.KEY_FACT_RENEW_MS);
  return abi.REASON_NONE;
}

/**
 * Forgets the key whose digest stands at SCRATCH, and refuses it for seconds without another look-up.
 *
 * @param reason REASON_KEYS_UNAVAILABLE: what is known stays, and it is refused only until the clock moves
 */
export function key_refuse(authenticator: i32, reason: i32, nowMs: f64): void {
  if (!isStore(authenticator)) return;
  const entry: usize = reason == abi.REASON_KEYS_UNAVAILABLE ? 0 : entryOf(abi.SCRATCH, authenticator);
  if (entry != 0) store<f64>(entry, 0, abi.KEY_FACT_READ_MS);
  keyRefusal(abi.SCRATCH, authenticator, nowMs);
  tokenDistrust(authenticator, reason, nowMs);
}

/** Why a key with that digest was refused lately, or VERIFICATION_NEEDED. It shares the table of refused tokens. */
export function keyRefusal(digest: usize, authenticator: i32, nowMs: f64): i32 {
  return tokenRecall(digest, 32, authenticator, nowMs);
}

function isStore(authenticator: i32): bool {
  if (image == 0 || <u32>authenticator >= <u32>authenticatorCount) return false;
  return (load<u32>(authenticators + <usize>authenticator * abi.AUTH_SIZE, abi.AUTH_FLAGS) & abi.AUTH_STORED) != 0;
}

function isSound(at: usize): bool {
  const idLength = load<u32>(at, abi.KEY_FACT_ID_LENGTH);
  return idLength - 1 < <u32>(abi.KEY_FACT_SCOPES - abi.KEY_FACT_ID)
    && load<u32>(at, abi.KEY_FACT_SCOPES_LENGTH) <= <u32>(abi.KEY_FACT_SIZE - abi.KEY_FACT_SCOPES)
    && load<u32>(at, abi.KEY_FACT_KIND) <= <u32>abi.KIND_PARTNER
    && load<f64>(at, abi.KEY_FACT_EXPIRES_MS) >= 0
    && areNetworks(at + abi.KEY_FACT_NETWORKS, load<u32>(at, abi.KEY_FACT_NETWORKS_LENGTH));
}

/** An entry that is of no use any more, else the one that was read first. */
function placeFor(bucket: usize, nowMs: f64): usize {
  let place = bucket;
  for (let entry = bucket; entry < bucket + BUCKET; entry += ENTRY) {
    if (load<i32>(entry, abi.KEY_FACT_GENERATION) != imageGeneration) return entry;
    if (load<f64>(entry, abi.KEY_FACT_READ_MS) < load<f64>(place, abi.KEY_FACT_READ_MS)) place = entry;
  }
  if (nowMs - load<f64>(place, abi.KEY_FACT_READ_MS) < MAX_AGE_MS) evictions++;
  return place;
}

/** Keys that gave way while what was known of them still held, since the boot. */
export function key_evictions(): i32 {
  return evictions;
}

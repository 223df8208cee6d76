// API keys: known by their SHA-256 only. A preimage cannot be searched for by timing, so a plain comparison will do. A key is
// one of the policy's, or of those that D1 keeps, as far as the host has read them.
import * as abi from "../abi";
import { apiKeyCount, apiKeys, authenticators, stringAddress, stringLength } from "./image";
import { BEHIND_ENV, ENV_START, KEY_FOREIGN, KEY_JUNK, KEY_OURS, keyForm } from "./key-checksum";
import { keyFact, keyFactAges, keyRefusal } from "./key-facts";
import { sha256 } from "./sha256";
import { bytesOrder } from "./text";
import { isText } from "./words";

const digest: usize = memory.data(32, 8);

// What is known of the key that apiKeyJudge found.
export let apiKeyId: usize = 0;
export let apiKeyIdLength: i32 = 0;
export let apiKeyScopes: usize = 0;
export let apiKeyScopesLength: i32 = 0;
export let apiKeyNetworks: usize = 0;
export let apiKeyNetworksLength: i32 = 0;
export let apiKeyKind: i32 = 0;
export let apiKeyRoles: u32 = 0;
export let apiKeyExpiresMs: f64 = 0; // 0 = never
/** NaN = not known, which is before any instant. */
export let apiKeyMadeMs: f64 = NaN;
/** What D1 said of it should be read anew. */
export let apiKeyAges: bool = false;

/**
 * Judges the API key in a credential slot.
 *
 * @returns REASON_NONE and the facts above; VERIFICATION_NEEDED: only D1 can tell; REASON_API_KEY_UNKNOWN, REASON_API_KEY_EXPIRED,
 * or why D1's answer refused it lately
 */
export function apiKeyJudge(slot: i32, length: i32, authenticator: i32, nowMs: f64): i32 {
  const key = <usize>(abi.CREDENTIALS + slot * abi.CREDENTIAL_SIZE);
  const form = keyForm(key, length);
  const auth = authenticators + <usize>authenticator * abi.AUTH_SIZE;
  if (form == KEY_JUNK || !environmentFits(auth, key, length, form)) return abi.REASON_API_KEY_UNKNOWN;
  sha256(<i32>key, length, <i32>digest);
  apiKeyAges = false;
  const record = find(authenticator);
  if (record != 0) readRecord(record);
  else {
    if (form == KEY_FOREIGN || (load<u32>(auth, abi.AUTH_FLAGS) & abi.AUTH_STORED) == 0) return abi.REASON_API_KEY_UNKNOWN;
    const fact = keyFact(digest, authenticator, nowMs);
    if (fact == 0) return keyRefusal(digest, authenticator, nowMs);
    readFact(fact);
  }
  return apiKeyExpiresMs != 0 && nowMs >= apiKeyExpiresMs ? abi.REASON_API_KEY_EXPIRED : abi.REASON_NONE;
}

/** Where the authenticator names an environment, it takes keys of our making for that one alone. */
function environmentFits(auth: usize, key: usize, length: i32, form: i32): bool {
  const wanted = load<i32>(auth, abi.AUTH_ENVIRONMENT);
  if (wanted < 0) return true;
  return form == KEY_OURS && isText(key + ENV_START, length - ENV_START - BEHIND_ENV, stringAddress(wanted), stringLength(wanted));
}

/** Says in the verdict record which key the host is to look up: the one that was judged last. */
export function apiKeyAsk(slot: i32, authenticator: i32): void {
  store<i32>(abi.VERIFY_AUTHENTICATOR, authenticator);
  store<i32>(abi.VERIFY_ALGORITHM, abi.VERIFY_STORED_KEY);
  store<i32>(abi.VERIFY_SLOT, slot);
  store<i32>(abi.VERIFY_KID_LENGTH, -1);
  store<u32>(abi.VERIFY_INPUT, digest);
  store<i32>(abi.VERIFY_INPUT_LENGTH, 32);
  store<i32>(abi.VERIFY_SIGNATURE_LENGTH, 0);
}

function readRecord(record: usize): void {
  const id = load<i32>(record, abi.API_KEY_ID);
  const scopes = load<i32>(record, abi.API_KEY_SCOPES);
  const networks = load<i32>(record, abi.API_KEY_NETWORKS);
  apiKeyId = stringAddress(id);
  apiKeyIdLength = stringLength(id);
  apiKeyScopes = scopes < 0 ? 0 : stringAddress(scopes);
  apiKeyScopesLength = scopes < 0 ? 0 : stringLength(scopes);
  apiKeyNetworks = networks < 0 ? 0 : stringAddress(networks);
  apiKeyNetworksLength = networks < 0 ? 0 : stringLength(networks);
  apiKeyKind = load<i32>(record, abi.API_KEY_KIND);
  apiKeyRoles = load<u32>(record, abi.API_KEY_ROLES);
  apiKeyExpiresMs = load<f64>(record, abi.API_KEY_EXPIRES_MS);
  apiKeyMadeMs = NaN;
}

function readFact(fact: usize): void {
  apiKeyId = fact + abi.KEY_FACT_ID;
  apiKeyIdLength = load<i32>(fact, abi.KEY_FACT_ID_LENGTH);
  apiKeyScopes = fact + abi.KEY_FACT_SCOPES;
  apiKeyScopesLength = load<i32>(fact, abi.KEY_FACT_SCOPES_LENGTH);
  apiKeyNetworks = fact + abi.KEY_FACT_NETWORKS;
  apiKeyNetworksLength = load<i32>(fact, abi.KEY_FACT_NETWORKS_LENGTH);
  apiKeyKind = load<i32>(fact, abi.KEY_FACT_KIND);
  apiKeyRoles = load<u32>(fact, abi.KEY_FACT_ROLES);
  apiKeyExpiresMs = load<f64>(fact, abi.KEY_FACT_EXPIRES_MS);
  apiKeyMadeMs = load<f64>(fact, abi.KEY_FACT_MADE_MS);
  apiKeyAges = keyFactAges;
}

/** Binary search among records sorted by (digest, authenticator); 0 = none. */
function find(authenticator: i32): usize {
  let low = 0;
  let high = apiKeyCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = apiKeys + <usize>middle * abi.API_KEY_SIZE;
    let order = bytesOrder(record + abi.API_KEY_DIGEST, digest, 32);
    if (order == 0) order = load<i32>(record + abi.API_KEY_AUTHENTICATOR) - authenticator;
    if (order == 0) return record;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return 0;
}

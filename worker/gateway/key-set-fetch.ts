import { type PublicKey, readJwk } from "../policy/jwk.ts";

/** What an issuer's endpoint answered. `code` is stable: fetch_failed, redirected, status_NNN, too_large, not_json, not_a_key_set, no_usable_keys. */
export type FetchedKeys = { ok: true; keys: PublicKey[]; skipped: SkippedKey[]; maxAgeMs: number } | { ok: false; code: string };

export interface SkippedKey {
  index: number;
  /** duplicate_kid, or why readJwk refused it. */
  code: string;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export const FETCH_TIMEOUT_MS = 5_000;
const MAX_BYTES = 65_536;
const MAX_KEYS = 64;
const MIN_AGE_MS = 60_000;
const DEFAULT_AGE_MS = 300_000;
const MAX_AGE_MS = 3_600_000;

/**
 * Fetches a key set (RFC 7517 §5). No redirect is followed: the policy says where the keys are, and an endpoint that could
 * send us on could send us inside. Keys that cannot be used are left out, each with its reason.
 */
export async function fetchKeySet(url: string, fetch: Fetch): Promise<FetchedKeys> {
  const accept = "application/jwk-set+json, application/json";
  const init = { redirect: "manual", headers: { accept }, signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) } as const;
  let text: string | null;
  let maxAgeMs: number;
  try {
    const response = await fetch(url, init);
    if (response.status !== 200) {
      await response.body?.cancel();
      return { ok: false, code: response.status >= 300 && response.status < 400 ? "redirected" : `status_${response.status}` };
    }
    maxAgeMs = maxAgeOf(response.headers);
    text = await boundedText(response);
  } catch {
    return { ok: false, code: "fetch_failed" };
  }
  if (text === null) return { ok: false, code: "too_large" };
  const read = readKeySet(text);
  return read.ok ? { ...read, maxAgeMs } : read;
}

type KeySetText = { ok: true; keys: PublicKey[]; skipped: SkippedKey[] } | { ok: false; code: string };

/** The usable keys of a key set's text. Of two keys with one kid the first counts: which is meant must not be a matter of chance. */
export function readKeySet(text: string): KeySetText {
  const members = keysIn(text);
  if (!Array.isArray(members)) return { ok: false, code: members };
  const keys: PublicKey[] = [];
  const skipped: SkippedKey[] = [];
  for (const [index, member] of members.entries()) {
    const key = index < MAX_KEYS ? readJwk(member) : ({ ok: false, code: "too_many_keys" } as const);
    if (!key.ok) skipped.push({ index, code: key.code });
    else if (key.value.kid !== null && keys.some(({ kid }) => kid === key.value.kid))
      skipped.push({ index, code: "duplicate_kid" });
    else keys.push(key.value);
  }
  return keys.length > 0 ? { ok: true, keys, skipped } : { ok: false, code: "no_usable_keys" };
}

function keysIn(text: string): unknown[] | "not_json" | "not_a_key_set" {
  try {
    const set: unknown = JSON.parse(text);
    const isSet = typeof set === "object" && set !== null && "keys" in set && Array.isArray(set.keys);
    return isSet ? (set as { keys: unknown[] }).keys : "not_a_key_set";
  } catch {
    return "not_json";
  }
}

/** null = more than MAX_BYTES; what follows is not read. */
async function boundedText(response: Response): Promise<string | null> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > MAX_BYTES) {
      await reader.cancel();
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Cache-Control's max-age (RFC 9111 §5.2.2.1) less Age, within bounds of our own. */
function maxAgeOf(headers: Headers): number {
  const directive = headers.get("cache-control") ?? "";
  const seconds = /(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])/i.exec(directive)?.[1];
  const ageMs = seconds === undefined ? DEFAULT_AGE_MS : (Number(seconds) - Number(headers.get("age") ?? 0)) * 1000;
  return Math.max(MIN_AGE_MS, Math.min(ageMs || 0, MAX_AGE_MS));
}

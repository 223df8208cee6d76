import type { AtOnce } from "../db/api-key-changes.ts";
import type { ApiKey } from "../db/api-keys.ts";
import { FOREVER_MS } from "../db/revocations.ts";

/**
 * An end that lies so far ahead is known everywhere when it comes: isolates read a key anew after a minute. One that lies
 * nearer could not be kept, so there is none: a key ends now, or after so long.
 */
export const LEAST_NOTICE_MS = 120_000;

/** A key's next state, and what isolates are to hear at once. */
export interface Change {
  after: ApiKey;
  atOnce: AtOnce | null;
}

const everyKey: AtOnce = { how: "revoke", beforeMs: FOREVER_MS };

export function hasEnded({ expiresMs }: ApiKey, nowMs: number): boolean {
  return expiresMs !== null && expiresMs <= nowMs;
}

/** Another key under the same id. The present one holds for `graceMs` longer; one that was before it ends now. */
export function rerolled(key: ApiKey, sha256: string, graceMs: number, nowMs: number): Change {
  const madeMs = Math.max(nowMs, key.madeMs + 1); // revocations tell keys apart by when they were made
  const previous = { previousSha256: key.sha256, previousMadeMs: key.madeMs, previousUntilMs: nowMs + graceMs };
  const after = { ...key, sha256, madeMs, ...previous };
  if (graceMs === 0) return { after, atOnce: { how: "revoke", beforeMs: madeMs } };
  return { after, atOnce: previousHolds(key, nowMs) ? { how: "revoke", beforeMs: key.madeMs } : null };
}

export function disabled(key: ApiKey, nowMs: number): Change {
  return { after: { ...key, disabledMs: nowMs }, atOnce: everyKey };
}

/** Keys that ended before it was disabled stay revoked. */
export function enabled(key: ApiKey, nowMs: number): Change {
  const oldestMs = previousHolds(key, nowMs) ? (key.previousMadeMs ?? key.madeMs) : key.madeMs;
  return { after: { ...key, disabledMs: null }, atOnce: { how: "spare", beforeMs: oldestMs } };
}

/** @param endMs now, or at least LEAST_NOTICE_MS ahead */
export function expired(key: ApiKey, endMs: number, nowMs: number): Change {
  return { after: { ...key, expiresMs: endMs }, atOnce: endMs <= nowMs ? everyKey : null };
}

function previousHolds({ previousUntilMs }: ApiKey, nowMs: number): boolean {
  return previousUntilMs !== null && previousUntilMs > nowMs;
}

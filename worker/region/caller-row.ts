import type { StoredPrincipal } from "../db/principal-rows.ts";
import type { CallerIncrement } from "./report.ts";

const DAY_MS = 86_400_000;

/** What a report says of a caller as the row that D1 would have of it. Clocks that run ahead are set back to `nowMs`. */
export function callerRow(caller: CallerIncrement, nowMs: number): StoredPrincipal {
  const { authenticator, principal, kind, credential, scopes, firmware, roles, issuedMs, expiresMs, lifetimeMs } = caller;
  const lastMs = Math.min(caller.lastMs, nowMs);
  return {
    ...{ authenticator, principal, kind, credential, scopes, firmware, roles, issuedMs, expiresMs, lifetimeMs },
    endless: caller.endless ? 1 : 0,
    firstMs: Math.min(caller.firstMs, lastMs),
    lastMs,
    addressDay: Math.floor(lastMs / DAY_MS),
    addressLow: caller.addresses[0],
    addressHigh: caller.addresses[1],
  };
}

/** Merges `from` into `into`, of one caller, by the rules of the table (worker/db/principals.ts): doing it twice changes nothing. */
export function foldCallerRow(into: StoredPrincipal, from: StoredPrincipal): void {
  if (from.lastMs >= into.lastMs) {
    const { kind, credential, scopes, firmware, roles, issuedMs, expiresMs } = from;
    Object.assign(into, { kind, credential, scopes, firmware, roles, issuedMs, expiresMs });
  }
  if (from.lifetimeMs !== null) into.lifetimeMs = Math.max(into.lifetimeMs ?? 0, from.lifetimeMs);
  into.endless = Math.max(into.endless, from.endless);
  foldSpan(into, from);
  if (from.addressDay < into.addressDay) return;
  const isSameDay = from.addressDay === into.addressDay;
  into.addressLow = isSameDay ? (into.addressLow | from.addressLow) >>> 0 : from.addressLow;
  into.addressHigh = isSameDay ? (into.addressHigh | from.addressHigh) >>> 0 : from.addressHigh;
  into.addressDay = from.addressDay;
}

/** The first and the last instant of both. */
export function foldSpan(into: { firstMs: number; lastMs: number }, from: { firstMs: number; lastMs: number }): void {
  into.firstMs = Math.min(into.firstMs, from.firstMs);
  into.lastMs = Math.max(into.lastMs, from.lastMs);
}

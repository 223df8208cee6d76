import type { Limit } from "./schema-limit.ts";

const MAX_DEFAULT_BURST = 100;
const MAX_DEFAULT_FIRST_CONTACT = 5;
/** Leases are asked for about once a second: what comes in in two seconds has to fit into the burst, or it cannot be lent. */
const LENT_SECONDS = 2;
const DEFAULT_HOLD_MS = 60_000;

/** One of the windows that hold at once; a quota, or a bound on requests in flight, is the only one. */
export interface LimitWindow {
  /** Units: requests, bytes, or requests in flight. */
  count: number;
  /** 0 = it has none: a quota, or requests in flight. */
  windowSeconds: number;
  burst: number;
}

export function windowsOf(limit: Limit): LimitWindow[] {
  if (limit.quota !== undefined) return [{ count: limit.quota.count, windowSeconds: 0, burst: limit.quota.count }];
  if (limit.concurrent !== undefined) return [{ count: limit.concurrent, windowSeconds: 0, burst: limit.concurrent }];
  return (limit.rate ?? []).map(({ rate, burst }) => ({
    count: rate.count,
    windowSeconds: rate.windowSeconds,
    burst: burst ?? limit.burst ?? defaultBurst(rate, { bytes: rate.bytes, wide: isWide(limit) }),
  }));
}

/** The rate's count up to 100: over one window a caller then gets at most twice the rate. */
export function defaultBurst(
  { count, windowSeconds }: { count: number; windowSeconds: number },
  { bytes, wide }: { bytes: boolean; wide: boolean },
): number {
  if (bytes) return count;
  const lent = wide ? Math.ceil((LENT_SECONDS * count) / windowSeconds) : 0;
  return Math.min(count, Math.max(MAX_DEFAULT_BURST, lent));
}

export function scopeOf({ scope, quota }: Pick<Limit, "scope" | "quota">): "isolate" | "region" | "global" {
  return scope ?? (quota === undefined ? "isolate" : "global");
}

export function isWide(limit: Pick<Limit, "scope" | "quota">): boolean {
  return scopeOf(limit) !== "isolate";
}

/** What a strict limit lets pass unasked is nothing. */
export function firstContactOf(limit: Limit, { burst }: LimitWindow): number {
  if (!isWide(limit) || limit.strict) return 0;
  return Math.min(burst, limit.firstContact ?? MAX_DEFAULT_FIRST_CONTACT);
}

export function refusesWhenAway(limit: Limit): boolean {
  return isWide(limit) && (limit.whenAway ?? (limit.strict ? "refuse" : "local")) === "refuse";
}

export function holdSecondsOf({ hold = DEFAULT_HOLD_MS }: Limit): number {
  return Math.ceil(hold / 1000);
}

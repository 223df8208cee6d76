/** A text that was read, or why it could not be. `code` is stable. */
export type Read<T> = { ok: true; value: T } | { ok: false; code: string; expected: string; message: string };

export interface Rate {
  /** Requests in `windowSeconds`. */
  count: number;
  windowSeconds: number;
}

const windowUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

export const ratePattern = "^[1-9][0-9]{0,6}/[1-9][0-9]{0,5}[smhd]$";
export const durationPattern = "^(0|[1-9][0-9]{0,6})(ms|s|m|h)$";
const maxWindowSeconds = 31 * 86_400;
/** One isolate serves far less; T would round to 1 µs beyond it. */
const maxPerSecond = 1_000_000;

/** `600/1m`: a whole number of requests in a window of seconds, minutes, hours or days. Errors: rate_malformed, rate_out_of_range. */
export function readRate(text: string): Read<Rate> {
  const expected = "REQUESTS/WINDOW in whole numbers, such as 600/1m, 5/10s, 100/1h or 1000/1d";
  if (!new RegExp(ratePattern).test(text)) return { ok: false, code: "rate_malformed", expected, message: "this is not a rate" };
  const [count, window] = text.split("/") as [string, string];
  const windowSeconds = Number(window.slice(0, -1)) * (windowUnits[window.slice(-1)] ?? 0);
  const value = { count: Number(count), windowSeconds };
  if (windowSeconds <= maxWindowSeconds && value.count / windowSeconds <= maxPerSecond) return { ok: true, value };
  const bounds = "a window of 31d at most, and at most 1000000 requests a second";
  return { ok: false, code: "rate_out_of_range", expected: bounds, message: "this rate is out of range" };
}

export interface LimitRate extends Rate {
  /** Does it count bytes, 1000 to a kB? */
  bytes: boolean;
}

const byteUnits: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
export const limitRatePattern = "^[1-9][0-9]{0,6}(B|kB|MB|GB)?/[1-9][0-9]{0,5}[smhd]$";
const maxBytesPerSecond = 1e12;

/** `600/1m`, or `10MB/1m`. Errors: rate_malformed, rate_out_of_range. */
export function readLimitRate(text: string): Read<LimitRate> {
  const parts = /^([1-9]\d{0,6})(B|kB|MB|GB)(\/.*)$/.exec(text);
  if (parts === null) {
    const rate = readRate(text);
    return rate.ok ? { ok: true, value: { ...rate.value, bytes: false } } : rate;
  }
  const rate = readRate(`1${parts[3]}`);
  if (!rate.ok) return rate;
  const value = { ...rate.value, count: Number(parts[1]) * (byteUnits[parts[2] ?? ""] ?? Number.NaN), bytes: true };
  if (value.count / value.windowSeconds <= maxBytesPerSecond) return { ok: true, value };
  return { ok: false, code: "rate_out_of_range", expected: "at most 1000 GB a second", message: "this rate is out of range" };
}

export interface Quota {
  count: number;
  period: "day" | "week" | "month";
}

export const quotaPattern = "^[1-9][0-9]{0,11}/(day|week|month)$";

/** `100000/month`. Errors: quota_malformed. */
export function readQuota(text: string): Read<Quota> {
  const parts = new RegExp(quotaPattern).exec(text);
  if (parts !== null) {
    return { ok: true, value: { count: Number(text.split("/")[0]), period: parts[1] as Quota["period"] } };
  }
  const expected = "REQUESTS/day, REQUESTS/week or REQUESTS/month, such as 100000/month";
  return { ok: false, code: "quota_malformed", expected, message: "this is not a quota" };
}

/** An IANA time zone. Errors: timezone_unknown. */
export function readTimeZone(text: string): Read<string> {
  try {
    return { ok: true, value: new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone };
  } catch {
    const expected = "an IANA time zone such as Europe/Berlin, or UTC";
    return { ok: false, code: "timezone_unknown", expected, message: "this time zone is not known" };
  }
}

/**
 * `30s`, `500ms`, `10m`, `1h` → ms, within [minMs, maxMs]. Errors: duration_malformed, duration_out_of_range.
 */
export function readDurationMs(text: string, minMs: number, maxMs: number): Read<number> {
  const expected = `a duration from ${durationText(minMs)} to ${durationText(maxMs)}, such as 500ms, 30s or 2m`;
  const parts = new RegExp(durationPattern).exec(text);
  if (parts === null) return { ok: false, code: "duration_malformed", expected, message: "this is not a duration" };
  const value = Number(parts[1]) * (durationUnits[parts[2] ?? ""] ?? Number.NaN);
  if (value >= minMs && value <= maxMs) return { ok: true, value };
  return { ok: false, code: "duration_out_of_range", expected, message: "this duration is out of range" };
}

function durationText(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    const size = durationUnits[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return ms === 0 ? "0s" : `${ms}ms`;
}

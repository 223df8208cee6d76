/** Numbers and times as the console writes them. Exact figures stay exact; nothing rounds to 0 % or 100 % unless it is. */

/** Narrow no-break space between a figure and its unit. */
export const THIN = "\u202f";

/** A figure and the unit that stands small beside it. */
export interface Measure {
  value: string;
  unit: string;
}

export type Zone = "utc" | "local";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 2140 → "2,140". */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** Three significant digits: 942 → "942", 62_412 → "62.4k", 1_250_000 → "1.25M". */
export function formatCompact(count: number): string {
  if (count < 999.5) return count < 9.95 && !Number.isInteger(count) ? count.toFixed(1) : grouped.format(count);
  for (const [size, letter] of [
    [1e3, "k"],
    [1e6, "M"],
    [1e9, "G"],
  ] as const) {
    const scaled = count / size;
    if (scaled < 999.5) return `${scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)}${letter}`;
  }
  return count.toExponential(2);
}

/** A scale's end, where the digits after the point say nothing: 1500 → "1.5k", 100 → "100". */
export function formatScale(count: number): string {
  return formatCompact(count)
    .replace(/(\.\d*?)0+(?=\D|$)/, "$1")
    .replace(/\.(?=\D|$)/, "");
}

/** Share in per cent without its sign: "0", "< 0.1", "6.8", "42", "> 99.9", "100"; "–" of nothing. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0) return "–";
  const percent = (100 * part) / whole;
  if (percent <= 0) return "0";
  if (percent >= 100) return "100";
  if (percent < 0.1) return `<${THIN}0.1`;
  if (percent > 99.9) return `>${THIN}99.9`;
  return percent < 9.95 || percent > 99 ? percent.toFixed(1) : percent.toFixed(0);
}

/** 68 of 1000 → "6.8 %". */
export function formatPercent(part: number, whole: number): string {
  const share = formatShare(part, whole);
  return share === "–" ? share : `${share}${THIN}%`;
}

/** Milliseconds at the precision that a log bucket of ± 5 % supports: 0.42, 4.2, 24, 1,240. */
export function formatLatency(ms: number): string {
  if (ms < 0.995) return ms.toFixed(2);
  if (ms < 9.95) return ms.toFixed(1);
  return grouped.format(ms);
}

/** How long ago or for how long: "0.9 s", "12 s", "3 min", "2 h", "5 d". Negative (clock skew) counts as none. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}${THIN}s`;
  if (seconds < 99.5) return `${seconds.toFixed(0)}${THIN}s`;
  if (seconds < 5970) return `${(seconds / 60).toFixed(0)}${THIN}min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(0)}${THIN}h`;
  return `${(seconds / 86_400).toFixed(0)}${THIN}d`;
}

/** The length of one step, whole: "2 s", "1 min", "15 min". */
export function formatStep(ms: number): string {
  return ms < 60_000 ? `${ms / 1000}${THIN}s` : `${ms / 60_000}${THIN}min`;
}

/** Binary sizes: 812 → 812 B, 1536 → 1.5 KiB. */
export function formatBytes(bytes: number): string {
  let scaled = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (scaled < 1023.5) return `${unit === "B" ? scaled.toFixed(0) : scaled.toFixed(scaled < 9.95 ? 1 : 0)}${THIN}${unit}`;
    scaled /= 1024;
  }
  return `${scaled.toFixed(1)}${THIN}TiB`;
}

/** Half the width of an interval, the figure behind "±"; rounded up, so that it never promises more than is known. */
export function halfWidth(interval: { low: number; high: number }): number {
  return Math.ceil((interval.high - interval.low) / 2);
}

const clocks = { utc: clockFormat("UTC"), local: clockFormat(undefined) };
const days = { utc: dayFormat("UTC"), local: dayFormat(undefined) };

/** "14:06:41". */
export function formatTime(timeMs: number, zone: Zone): string {
  return clocks[zone].format(timeMs);
}

/** "14:06:41.218". */
export function formatTimeExact(timeMs: number, zone: Zone): string {
  const fraction = Math.floor(((timeMs % 1000) + 1000) % 1000);
  return `${clocks[zone].format(timeMs)}.${String(fraction).padStart(3, "0")}`;
}

/** "14:06", for axes whose steps are minutes. */
export function formatMinute(timeMs: number, zone: Zone): string {
  return clocks[zone].format(timeMs).slice(0, 5);
}

/** "23 Nov 2026 14:06:41.218 UTC". */
export function formatDateTime(timeMs: number, zone: Zone): string {
  return `${days[zone].format(timeMs)} ${formatTimeExact(timeMs, zone)}${zone === "utc" ? " UTC" : ""}`;
}

/** "23 Nov 2026". */
export function formatDay(timeMs: number, zone: Zone): string {
  return days[zone].format(timeMs);
}

function clockFormat(timeZone: string | undefined): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

function dayFormat(timeZone: string | undefined): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "short", year: "numeric" });
}

/** What the page's address says: the time range and the filters, so that a copied link shows the same view. */

export const ranges = [
  { name: "5m", lengthMs: 300_000, label: "Last 5 minutes", words: "5 minutes" },
  { name: "15m", lengthMs: 900_000, label: "Last 15 minutes", words: "15 minutes" },
  { name: "1h", lengthMs: 3_600_000, label: "Last hour", words: "hour" },
  { name: "6h", lengthMs: 21_600_000, label: "Last 6 hours", words: "6 hours" },
  { name: "24h", lengthMs: 86_400_000, label: "Last 24 hours", words: "24 hours" },
] as const;

export type RangeName = (typeof ranges)[number]["name"];

export const filterKeys = ["region", "verdict", "reason", "operation", "principal"] as const;

export type FilterKey = (typeof filterKeys)[number];

export type Filters = Partial<Record<FilterKey, string>>;

export interface UrlState {
  range: RangeName;
  filters: Filters;
}

const FILTER_TEXT_MAX = 300;

/** Reads `?range=…&region=…`; what is unknown or too long is left out. */
export function parseUrlState(search: string): UrlState {
  const query = new URLSearchParams(search);
  const filters: Filters = {};
  for (const key of filterKeys) {
    const value = query.get(key);
    if (value !== null && value !== "" && value.length <= FILTER_TEXT_MAX) filters[key] = value;
  }
  return { range: ranges.find(({ name }) => name === query.get("range"))?.name ?? "5m", filters };
}

/** The query string of a view, "?range=5m" at least, keys always in the same order. */
export function formatUrlState({ range, filters }: UrlState): string {
  const query = new URLSearchParams({ range });
  for (const key of filterKeys) {
    const value = filters[key];
    if (value !== undefined) query.set(key, value);
  }
  return `?${query}`;
}

/** The range's length in words, to stand after "the last" or "the … before". */
export function rangeWords(name: string): string {
  return ranges.find((range) => range.name === name)?.words ?? name;
}

/** The range's own length; what the server covers may begin at a whole minute before. */
export function rangeLengthMs(range: { name: string; fromMs: number; toMs: number }): number {
  return ranges.find(({ name }) => name === range.name)?.lengthMs ?? range.toMs - range.fromMs;
}

/** The one-time token of a sign-in link's fragment, or null. */
export function parseSignInToken(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#/, "")).get("sign-in");
  return token ? token : null;
}

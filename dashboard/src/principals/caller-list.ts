/** What a list of callers shows, as its address says it. */
export interface CallerList {
  q: string;
  kind: string;
  /** The authenticator, under a name of its own: with `principal` beside it the address is one caller's. */
  by: string;
  finding: string;
  sort: CallerSort;
}

export const callerSorts = [
  { name: "last", label: "seen last" },
  { name: "first", label: "new first" },
  { name: "requests", label: "most requests" },
  { name: "principal", label: "by name" },
] as const;

export type CallerSort = (typeof callerSorts)[number]["name"];

export const callerKinds = ["user", "service", "device", "agent", "partner"] as const;

const TEXT_MAX = 255;
const texts = ["q", "kind", "by", "finding"] as const;

/** Reads `q=…&kind=…`; what is too long or no order is left out. */
export function parseCallerList(query: URLSearchParams): CallerList {
  const text = (name: string) => (query.get(name) ?? "").slice(0, TEXT_MAX);
  const sort = callerSorts.find(({ name }) => name === query.get("sort"))?.name ?? "last";
  return { q: text("q"), kind: text("kind"), by: text("by"), finding: text("finding"), sort };
}

/** The query string, "" for everybody as seen last. */
export function formatCallerList(list: Partial<CallerList>): string {
  const query = new URLSearchParams();
  for (const name of texts) if (list[name]) query.set(name, list[name]);
  if (list.sort && list.sort !== "last") query.set("sort", list.sort);
  return query.size === 0 ? "" : `?${query}`;
}

/** The same question to the API; its CSV takes it as well. */
export function callerQuery({ q, kind, by, finding, sort }: CallerList): URLSearchParams {
  const query = new URLSearchParams({ sort });
  for (const [name, value] of Object.entries({ q, kind, authenticator: by, finding })) if (value) query.set(name, value);
  return query;
}

export function isFiltered({ q, kind, by, finding }: CallerList): boolean {
  return [q, kind, by, finding].some((value) => value !== "");
}

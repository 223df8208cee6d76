import { type CallerList, formatCallerList, parseCallerList } from "../principals/caller-list.ts";

/** Which view of the console an address shows. */
export type Route =
  | { view: "overview" }
  | { view: "principals"; list: CallerList }
  | { view: "principal"; authenticator: string; principal: string };

const BASE = "/_picket/";
const PRINCIPALS = `${BASE}principals`;

/**
 * A caller is named in the query: its name may be `..` or hold slashes, which no path carries unharmed. What is unknown is the
 * overview.
 */
export function parseRoute(pathname: string, search: string): Route {
  if (pathname.replace(/\/$/, "") !== PRINCIPALS) return { view: "overview" };
  const query = new URLSearchParams(search);
  const [authenticator, principal] = [query.get("authenticator"), query.get("principal")];
  if (authenticator !== null && principal !== null) return { view: "principal", authenticator, principal };
  return { view: "principals", list: parseCallerList(query) };
}

/** The address of a list of callers. */
export function callersHref(list: Partial<CallerList> = {}): string {
  return PRINCIPALS + formatCallerList(list);
}

/** The address of one caller. */
export function callerHref({ authenticator, principal }: { authenticator: string; principal: string }): string {
  return `${PRINCIPALS}?${new URLSearchParams({ authenticator, principal })}`;
}

/** Whether a link leads to a view of this page, so that it needs no loading. */
export function isViewLink(url: URL, origin: string): boolean {
  return url.origin === origin && url.hash === "" && (url.pathname === BASE || url.pathname === PRINCIPALS);
}

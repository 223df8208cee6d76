import type { Zone } from "../format.ts";
import type { CallerList } from "../principals/caller-list.ts";
import { callersHref, parseRoute, type Route } from "./route.ts";
import { type FilterKey, type Filters, formatUrlState, parseUrlState, type RangeName, ranges } from "./url-state.ts";

export type Theme = "system" | "light" | "dark";

/** What the reader chose: range and filters live in the address, theme, zone and keys in this browser. */
export class View {
  route = $state.raw<Route>({ view: "overview" });
  range = $state<RangeName>("5m");
  filters = $state.raw<Filters>({});
  zone = $state<Zone>("utc");
  theme = $state<Theme>("system");
  singleKeys = $state(true);

  /** The list of callers as it was left. */
  #list: Partial<CallerList> = {};
  readonly #window: Window;
  readonly #systemScheme: MediaQueryList;
  /** State, because a canvas has to be painted anew when the system turns dark at night. */
  #systemDark = $state(false);

  constructor(target: Window) {
    this.#window = target;
    this.#systemScheme = target.matchMedia("(prefers-color-scheme: dark)");
    this.#systemDark = this.#systemScheme.matches;
    this.#readUrl();
    this.zone = this.#stored("zone") === "local" ? "local" : "utc";
    const theme = this.#stored("theme");
    this.theme = theme === "light" || theme === "dark" ? theme : "system";
    this.singleKeys = this.#stored("keys") !== "off";
    this.#showTheme();
  }

  /** Follows the browser's back and forward and the system's theme; returns how to stop. */
  follow(): () => void {
    const stop = new AbortController();
    const { signal } = stop;
    this.#window.addEventListener("popstate", () => this.#readUrl(), { signal });
    this.#systemScheme.addEventListener("change", ({ matches }) => (this.#systemDark = matches), { signal });
    return () => stop.abort();
  }

  /** Shows another view of the console: an address of this page, as its links have them. */
  go(href: string): void {
    const { pathname, search } = this.#window.location;
    if (href !== pathname + search) this.#window.history.pushState(null, "", href);
    this.#readUrl();
    this.#window.scrollTo(0, 0);
  }

  /** Changes what the list of callers shows. Typing leaves no trail in the history: a letter is no place to go back to. */
  setList(list: CallerList, isTyped: boolean): void {
    this.route = { view: "principals", list };
    this.#list = list;
    if (isTyped) this.#window.history.replaceState(null, "", callersHref(list));
    else this.#window.history.pushState(null, "", callersHref(list));
  }

  setRange(range: RangeName): void {
    this.range = range;
    this.#pushUrl();
  }

  nextRange(): void {
    const index = ranges.findIndex(({ name }) => name === this.range);
    this.setRange(ranges[(index + 1) % ranges.length]?.name ?? "5m");
  }

  /** Sets one filter, or removes it with an empty value. */
  setFilter(key: FilterKey, value: string): void {
    const { [key]: _, ...others } = this.filters;
    this.filters = value === "" ? others : { ...others, [key]: value };
    this.#pushUrl();
  }

  get url(): string {
    const { origin, pathname, search } = this.#window.location;
    return origin + (this.route.view === "overview" ? pathname + formatUrlState(this) : pathname + search);
  }

  /** The overview as it was left. */
  get overviewHref(): string {
    return `/_picket/${formatUrlState(this)}`;
  }

  /** The list of callers as it was left. */
  get listHref(): string {
    return callersHref(this.#list);
  }

  toggleZone(): void {
    this.zone = this.zone === "utc" ? "local" : "utc";
    this.#store("zone", this.zone);
  }

  /** From whatever is shown now to the other; the choice stays until the system's own setting agrees with it again. */
  toggleTheme(): void {
    const next = this.isDark ? "light" : "dark";
    this.theme = (next === "dark") === this.#systemDark ? "system" : next;
    this.#store("theme", this.theme);
    this.#showTheme();
  }

  get isDark(): boolean {
    return this.theme === "system" ? this.#systemDark : this.theme === "dark";
  }

  toggleSingleKeys(): void {
    this.singleKeys = !this.singleKeys;
    this.#store("keys", this.singleKeys ? "on" : "off");
  }

  #showTheme(): void {
    const root = this.#window.document.documentElement;
    if (this.theme === "system") delete root.dataset.theme;
    else root.dataset.theme = this.theme;
  }

  #readUrl(): void {
    const { pathname, search } = this.#window.location;
    this.route = parseRoute(pathname, search);
    if (this.route.view === "principals") this.#list = this.route.list;
    if (this.route.view !== "overview") return;
    const { range, filters } = parseUrlState(search);
    this.range = range;
    this.filters = filters;
  }

  #pushUrl(): void {
    const next = formatUrlState(this);
    if (next !== this.#window.location.search) this.#window.history.pushState(null, "", this.#window.location.pathname + next);
  }

  /** Storage can be forbidden; then choices last as long as the page. */
  #stored(name: string): string | null {
    try {
      return this.#window.localStorage.getItem(`picket.${name}`);
    } catch {
      return null;
    }
  }

  #store(name: string, value: string): void {
    try {
      this.#window.localStorage.setItem(`picket.${name}`, value);
    } catch {
      // As above: nothing to do.
    }
  }
}

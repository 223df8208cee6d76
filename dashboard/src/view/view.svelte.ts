import type { Zone } from "../format.ts";
import { type FilterKey, type Filters, formatUrlState, parseUrlState, type RangeName, ranges } from "./url-state.ts";

export type Theme = "system" | "light" | "dark";

/** What the reader chose: range and filters live in the address, theme, zone and keys in this browser. */
export class View {
  range = $state<RangeName>("5m");
  filters = $state.raw<Filters>({});
  zone = $state<Zone>("utc");
  theme = $state<Theme>("system");
  singleKeys = $state(true);

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
    const { origin, pathname } = this.#window.location;
    return origin + pathname + formatUrlState(this);
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
    const { range, filters } = parseUrlState(this.#window.location.search);
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

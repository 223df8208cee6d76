/** Names of Cloudflare's location hints and of continents; any other code (a colo, a name of one's own) speaks for itself. */
const names: Readonly<Record<string, string>> = {
  wnam: "Western North America",
  enam: "Eastern North America",
  sam: "South America",
  weur: "Western Europe",
  eeur: "Eastern Europe",
  apac: "Asia-Pacific",
  oc: "Oceania",
  afr: "Africa",
  me: "Middle East",
  local: "This machine",
};

/** What a reader calls the region: its name where one is known, else its code. */
export function regionName(region: string): string {
  return Object.hasOwn(names, region) ? (names[region] ?? region) : region;
}

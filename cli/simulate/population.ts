import type { Random } from "../random.ts";

/** Where simulated callers come from. Addresses are of ranges set aside for documentation and benchmarks (RFC 5737, 2544, 3849). */
interface Place {
  countries: readonly string[];
  ipv4: string;
  ipv6: string;
}

const places: readonly Place[] = [
  { countries: ["DE", "FR", "NL", "IT", "PL"], ipv4: "198.18.1", ipv6: "2001:db8:1" },
  { countries: ["US", "US", "CA", "MX"], ipv4: "198.18.2", ipv6: "2001:db8:2" },
  { countries: ["JP", "SG", "IN", "AU"], ipv4: "198.18.3", ipv6: "2001:db8:3" },
];

/** Who a request claims to come from, as Cloudflare's headers would say it. */
export interface Origin {
  /** Index of the region whose listener is called. */
  region: number;
  address: string;
  country: string;
}

export interface Device extends Origin {
  id: string;
  /** A sensor makes its tokens itself; the others' come from an issuer. */
  isSensor: boolean;
  /** As a sensor claims it. */
  firmware: string;
  scopes: string;
  token: string;
  /** When the token is to be renewed, ms since the epoch. */
  renewMs: number;
}

const DEVICE_SCOPES = "devices:read telemetry:write";

/** Devices spread evenly over the regions, one in four on IPv6, and one in four a sensor. */
export function population(count: number, regions: number, random: Random): Device[] {
  return Array.from({ length: count }, (_, index) => {
    const region = index % regions;
    const id = `dev-${String(index).padStart(4, "0")}`;
    return {
      id,
      isSensor: index % 4 === 3,
      firmware: index % 8 === 3 ? "4.1.0" : "4.2.0",
      scopes: DEVICE_SCOPES,
      token: "",
      renewMs: 0,
      ...origin(region, index + 10, random.next() < 0.25, random),
    };
  });
}

/** @param host distinguishes the addresses within a region */
export function origin(region: number, host: number, ipv6: boolean, random: Random): Origin {
  const place = places[region % places.length];
  if (place === undefined) throw new Error("there are no places");
  const address = ipv6 ? `${place.ipv6}:${host.toString(16)}::1` : `${place.ipv4}.${1 + (host % 254)}`;
  return { region, address, country: random.pick(place.countries) };
}

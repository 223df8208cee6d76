import * as z from "zod";
import { MAX_NETWORKS } from "../../wasm/abi.ts";
import { MAX_KEYS } from "./bounds.ts";
import { headerNamePattern, readHeaderName } from "./header-name.ts";
import { environmentPattern } from "./key-format.ts";
import { readNetwork } from "./network.ts";
import type { Read } from "./quantity.ts";
import { identifier, line, name, owner, roles, scopes, strict, text } from "./schema-fields.ts";

/** `type: api-key`. `lookups`: how often one address may have a stored key looked up. */
export function apiKey<Kinds extends readonly [string, ...string[]], Lookups extends z.ZodType>(kinds: Kinds, lookups: Lookups) {
  const key = strict({
    id: identifier("Who calls with this key: the principal."),
    sha256: text(readDigest, { description: "SHA-256 of the key, 64 hex digits.", pattern: "^[0-9a-fA-F]{64}$" }),
    kind: z.enum(kinds).default("service").meta({ description: "What this caller is." }),
    owner: line(100, "Who answers for this key. Default: the authenticator's owner.").default(""),
    scopes: scopes("Scopes that the key carries.").default([]),
    roles: roles("Roles that the key has.").default([]),
    addresses: z
      .array(text(readNetwork, { description: "An address or a network.", examples: ["203.0.113.0/24", "2001:db8::/32"] }))
      .max(MAX_NETWORKS)
      .default([])
      .meta({ description: "Where the key may be used from. None: from anywhere." }),
    expires: text(readInstant, {
      description: "First moment at which the key no longer works: a UTC date or an RFC 3339 time.",
      examples: ["2027-06-01"],
    }).optional(),
  });
  return strict({
    name: name("What services call it."),
    type: z.literal("api-key"),
    owner: owner(),
    header: text(readHeaderName, { description: "Header that carries the key.", pattern: headerNamePattern }).prefault(
      "X-Api-Key",
    ),
    keys: z
      .array(key)
      .max(MAX_KEYS)
      .default([])
      .meta({ description: "Known keys, by their digest: the key itself never stands here." }),
    stored: z
      .boolean()
      .default(false)
      .meta({ description: "Take keys as well that are made and kept by the gateway (picket token, /_picket/api/v1/api-keys)." }),
    environment: z
      .string()
      .regex(new RegExp(environmentPattern), { error: "this is not an environment: 1 to 16 lower-case letters and digits" })
      .optional()
      .meta({ description: "Take only keys of the gateway's own form, pk_<environment>_…: none of another deployment." }),
    lookups,
  });
}

function readDigest(input: string): Read<string> {
  if (/^[0-9a-fA-F]{64}$/.test(input)) return { ok: true, value: input.toLowerCase() };
  const expected = "64 hex digits, as `printf %s KEY | sha256sum` prints them";
  return {
    ok: false,
    code: "digest_malformed",
    expected,
    message: "this is not a SHA-256 digest (never put the key itself here)",
  };
}

/** `2027-06-01` (00:00 UTC) or an RFC 3339 time → ms since 1970. */
function readInstant(input: string): Read<number> {
  const shape = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d))?$/;
  const date = shape.test(input) ? Date.parse(input) : Number.NaN;
  const day = Number(input.slice(8, 10));
  const realDay = new Date(`${input.slice(0, 10)}T00:00:00Z`).getUTCDate() === day; // Date.parse rolls 31 June over
  if (date > 0 && realDay) return { ok: true, value: date };
  const expected = "a date such as 2027-06-01 (its start, UTC) or a time such as 2027-06-01T12:00:00Z";
  return { ok: false, code: "time_malformed", expected, message: "this is not a date or time" };
}

import { parseArgs } from "node:util";
import { type AdminApi, adminOptions, instantMs, iso, openAdminApi, spread } from "../admin-api.ts";

/** As the SOC API answers it. */
interface ApiKey {
  authenticator: string;
  id: string;
  environment: string;
  kind: string;
  scopes: string[];
  roles: string[];
  owner: string;
  addresses: string[];
  madeMs: number;
  expiresMs: number | null;
  disabledMs: number | null;
  previousUntilMs: number | null;
  lastUsedMs: number | null;
  who: string;
  reason: string;
}

type Given = Readonly<Record<string, string | undefined>>;

const own = ["authenticator", "id", "env", "kind", "scopes", "roles", "owner", "addresses", "expires", "grace", "at", "reason"];
const options = { ...Object.fromEntries(own.map((name) => [name, { type: "string" }] as const)), ...adminOptions };

/** Options of each verb, beside --url and --data. */
const verbs: Readonly<Record<string, readonly string[]>> = {
  new: ["authenticator", "id", "env", "kind", "scopes", "roles", "owner", "addresses", "expires", "reason"],
  list: ["authenticator"],
  reroll: ["authenticator", "id", "grace", "reason"],
  disable: ["authenticator", "id", "reason"],
  enable: ["authenticator", "id", "reason"],
  expire: ["authenticator", "id", "at", "reason"],
};

export function isVerb(text: string): boolean {
  return Object.hasOwn(verbs, text);
}

/** Is `token new` with these arguments about a running gateway's keys? */
export function isStored(args: readonly string[]): boolean {
  return args.some((arg) => /^--(url|data|authenticator)(=|$)/.test(arg));
}

/** Keys that a running gateway keeps. @returns exit code */
export async function runStored(verb: string, args: readonly string[], help: string): Promise<number> {
  const given = read(verb, args);
  if (given === null) return wrong(help);
  const body = bodyOf(verb, given, Date.now());
  if (typeof body === "string") return wrong(`picket token ${verb}: ${body}\n\n${help}`);
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  return verb === "list" ? list(opened.api, given.authenticator) : change(opened.api, verb, given, body);
}

function read(verb: string, args: readonly string[]): Given | null {
  try {
    const given = parseArgs({ args: [...args], options }).values as Given;
    const taken = [...(verbs[verb] ?? []), "url", "data"];
    return Object.keys(given).every((name) => taken.includes(name)) ? given : null;
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

/** The request's body, or what is missing. */
function bodyOf(verb: string, given: Given, nowMs: number): Record<string, unknown> | string {
  if (verb === "list") return {};
  const missing = ["authenticator", "id", "reason"].filter((name) => given[name] === undefined).map((name) => `--${name}`);
  if (missing.length > 0) return `missing: ${missing.join(", ")}`;
  const { authenticator, id, env: environment, kind, owner, reason } = given;
  const until = verb === "new" ? "expires" : "at";
  const expiresMs = given[until] === undefined ? undefined : instantMs(given[until], nowMs);
  if (expiresMs === null) return `--${until}: expected an instant such as 2027-06-01, or a time from now such as 12h, 90d`;
  const graceMs = given.grace === undefined ? undefined : graceOf(given.grace);
  if (graceMs === null) return "--grace: expected 0, or a time such as 10m, 24h, 7d";
  if (verb === "reroll") return { graceMs, reason };
  if (verb !== "new") return { expiresMs, reason };
  const lists = { scopes: words(given.scopes), roles: words(given.roles), addresses: words(given.addresses) };
  return { authenticator, id, environment, kind, ...lists, owner, expiresMs, reason };
}

const words = (text: string | undefined) => text?.split(",").filter((word) => word !== "");
const graceOf = (text: string) => (text === "0" ? 0 : /^\d+[smhd]$/.test(text) ? instantMs(text, 0) : null);

async function change(api: AdminApi, verb: string, given: Given, body: Record<string, unknown>): Promise<number> {
  const { authenticator = "", id = "" } = given;
  const path = `/api-keys/${encodeURIComponent(authenticator)}/${encodeURIComponent(id)}/${verb}`;
  const answer = await api.call("POST", verb === "new" ? "/api-keys" : path, body);
  if (!answer.ok) return failed(verb, answer.message);
  const { key, apiKey, pending } = answer.body as { key?: string; apiKey: ApiKey; pending?: string[] };
  // The key alone goes to standard output, so that it can be piped to where it is to be kept.
  if (key !== undefined) console.log(key);
  const say = key === undefined ? console.log : console.error;
  if (key !== undefined) say("It is not kept and cannot be shown again.");
  say(line(apiKey));
  if (pending !== undefined) say(spread({ pending }));
  return 0;
}

async function list(api: AdminApi, authenticator: string | undefined): Promise<number> {
  const filter = authenticator === undefined ? "" : `&authenticator=${encodeURIComponent(authenticator)}`;
  let after = "";
  let count = 0;
  for (;;) {
    const page = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const answer = await api.call("GET", `/api-keys?limit=1000${filter}${page}`);
    if (!answer.ok) return failed("list", answer.message);
    const { apiKeys, next, most } = answer.body as { apiKeys: ApiKey[]; next: string | null; most: number };
    for (const one of apiKeys) console.log(line(one));
    count += apiKeys.length;
    if (next === null) {
      console.log(`${count} of at most ${most} keys`);
      return 0;
    }
    after = next;
  }
}

function line(one: ApiKey): string {
  const carries = [...one.scopes, ...one.roles.map((role) => `role ${role}`)].join(" ");
  const facts = [
    one.disabledMs === null ? "" : `disabled ${iso(one.disabledMs)}`,
    one.expiresMs === null ? "" : `until ${iso(one.expiresMs)}`,
    one.previousUntilMs === null ? "" : `the key before it until ${iso(one.previousUntilMs)}`,
    one.addresses.length === 0 ? "" : `from ${one.addresses.join(" ")}`,
    one.owner === "" ? "" : `owner ${one.owner}`,
    one.lastUsedMs === null ? "not seen yet" : `last used ${iso(one.lastUsedMs)}`,
  ].filter((fact) => fact !== "");
  const who = `${one.reason} (${one.who}, made ${iso(one.madeMs)})`;
  return `${one.authenticator} ${one.id}  ${one.environment} ${one.kind}: ${carries || "no scopes"}, ${facts.join(", ")}: ${who}`;
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed(verb: string, message: string): number {
  console.error(`picket token ${verb}: ${message}`);
  return 1;
}

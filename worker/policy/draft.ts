import { MAX_OPERATIONS, MAX_REQUEST_LIMITS, MAX_SERVICES } from "../../wasm/abi.ts";
import { MAX_AUTHENTICATORS, MAX_KEYS, MAX_LIMITS, MAX_REFERENCES } from "./bounds.ts";
import { valueAt } from "./describe.ts";
import type { PolicyPath } from "./problem.ts";
import { readDurationMs } from "./quantity.ts";
import { type PathTemplate, readPrefix, readTemplate } from "./template.ts";

/** One more than any mapping of names may hold, so that too many are seen. */
const MAX_NAMES = 64;

/**
 * As much of a policy as can be read, whatever is wrong with the rest: so that cross references are checked, and every
 * problem is shown, at once. What stands behind a list's bound is left out: the schema refuses the list.
 */
export interface Draft {
  services: DraftService[];
  authenticators: DraftAuthenticator[];
  limits: DraftLimit[];
  roles: Mention[];
}

/** A name and where it stands. */
export interface Mention {
  path: PolicyPath;
  name: string;
}

export interface DraftService {
  path: PolicyPath;
  name: Mention | null;
  host: string;
  /** null = it could not be read. */
  prefix: string | null;
  owner: string;
  undocumented: string;
  /** It says `auth: []`. */
  isPublic: boolean;
  denyByDefault: boolean;
  auth: Mention[];
  limits: Mention[];
  operations: DraftOperation[];
}

export interface DraftOperation {
  path: PolicyPath;
  method: string;
  /** null = it could not be read. */
  template: PathTemplate | null;
  limits: Mention[];
  scopes: Mention[];
  roles: Mention[];
  binds: DraftBind[];
  bindPath: PolicyPath;
  cost: unknown;
}

/** One bound path parameter. */
export interface DraftBind {
  path: PolicyPath;
  parameter: string;
  /** "" = by something else. */
  claim: string;
}

export interface DraftAuthenticator {
  path: PolicyPath;
  name: Mention | null;
  type: string;
  /** Lower case, "" = Authorization. */
  header: string;
  algorithms: Mention[];
  hasKeys: boolean;
  jwks: string;
  /** False, and only false, where the policy says so. */
  requireExp: boolean;
  maxAge: string;
  dpop: string;
  /** Which fields about DPoP proofs it has. */
  proofFields: string[];
  keys: DraftKey[];
  /** Are keys derived from one secret? */
  derives: boolean;
  /** Are API keys kept by the gateway as well? */
  stored: boolean;
}

export interface DraftKey {
  path: PolicyPath;
  kid: string;
  /** What the key's jwk says in its own kid. */
  jwkKid: string;
  secret: string;
  /** undefined = it has none. */
  jwk: unknown;
  id: string;
  sha256: string;
  expires: string;
  roles: Mention[];
}

export interface DraftLimit {
  path: PolicyPath;
  name: Mention | null;
  /** What it counts by, part for part. */
  by: Mention[];
  /** Windows of its rate; none where it has a quota or counts requests in flight. */
  windows: DraftWindow[];
  /** Which fields it has. */
  fields: string[];
  counts: string;
  scope: string;
  mode: string;
  strict: boolean;
  /** ms; null = it could not be read. */
  penalty: { block: number; most: number } | null;
}

export interface DraftWindow {
  path: PolicyPath;
  rate: string;
  burst: unknown;
  burstPath: PolicyPath;
}

export function readDraft(data: unknown): Draft {
  return {
    services: items(data, ["services"], MAX_SERVICES).map(({ path, value }) => readService(path, value)),
    authenticators: items(data, ["authenticators"], MAX_AUTHENTICATORS).map(({ path, value }) => readAuthenticator(path, value)),
    limits: items(data, ["limits"], MAX_LIMITS).map(({ path, value }) => readLimit(path, value)),
    roles: names(valueAt(data, ["roles"])).map((name) => ({ path: ["roles", name], name })),
  };
}

function readLimit(path: PolicyPath, value: unknown): DraftLimit {
  return {
    path,
    name: mention(path, value),
    by: partsOf(path, value),
    windows: readWindows(path, value),
    fields: names(value),
    counts: field(value, "counts") || "requests",
    scope: field(value, "scope"),
    mode: field(value, "mode"),
    strict: valueAt(value, ["strict"]) === true,
    penalty: readPenalty(valueAt(value, ["penalty"])),
  };
}

function readWindows(path: PolicyPath, value: unknown): DraftWindow[] {
  const burst = { burst: valueAt(value, ["burst"]), burstPath: [...path, "burst"] };
  const one = field(value, "rate");
  if (one !== "") return [{ path: [...path, "rate"], rate: one, ...burst }];
  return items(value, ["rate"], MAX_REQUEST_LIMITS, path).map((item) => {
    if (typeof item.value === "string") return { path: item.path, rate: item.value, ...burst };
    const own = valueAt(item.value, ["burst"]);
    return { path: item.path, rate: field(item.value, "rate"), burst: own, burstPath: [...item.path, "burst"] };
  });
}

function readPenalty(value: unknown): DraftLimit["penalty"] {
  const ms = (key: string, byDefault: string) => {
    const read = readDurationMs(field(value, key) || byDefault, 0, Number.MAX_SAFE_INTEGER);
    return read.ok ? read.value : null;
  };
  const block = ms("block", "1m");
  const most = ms("most", "1h");
  return valueAt(value, ["after"]) === undefined || block === null || most === null ? null : { block, most };
}

function readService(path: PolicyPath, value: unknown): DraftService {
  const match = valueAt(value, ["match"]);
  const prefix = readPrefix(field(match, "path") || "/");
  return {
    path,
    name: mention(path, value),
    host: field(match, "host").toLowerCase(),
    prefix: prefix.ok ? prefix.value : null,
    owner: field(value, "owner"),
    undocumented: field(value, "undocumented"),
    isPublic: isEmptyList(valueAt(value, ["auth"])),
    denyByDefault: valueAt(value, ["denyByDefault"]) === true,
    auth: mentions(path, value, "auth"),
    limits: mentions(path, value, "limits"),
    operations: items(value, ["operations"], MAX_OPERATIONS, path).map((item) => readOperation(item.path, item.value)),
  };
}

function readOperation(path: PolicyPath, value: unknown): DraftOperation {
  const short = typeof value === "string" ? /^(\S+) (\S+)$/.exec(value) : null;
  const method = short?.[1] ?? field(value, "method");
  const template = readTemplate(short?.[2] ?? field(value, "path"));
  return {
    path: short === null ? [...path, "path"] : path,
    method,
    template: template.ok ? template.value : null,
    limits: mentions(path, value, "limits"),
    scopes: mentions(path, value, "scopes"),
    roles: mentions(path, value, "roles"),
    binds: readBinds([...path, "bind"], valueAt(value, ["bind"])),
    bindPath: [...path, "bind"],
    cost: valueAt(value, ["cost"]),
  };
}

function readBinds(path: PolicyPath, value: unknown): DraftBind[] {
  return names(value).map((parameter) => ({ path: [...path, parameter], parameter, claim: claimOf(field(value, parameter)) }));
}

/** A mapping's first keys; empty where there is no mapping. */
function names(value: unknown): string[] {
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMapping ? Object.keys(value).slice(0, MAX_NAMES) : [];
}

/** One part or a list of them. */
function partsOf(path: PolicyPath, value: unknown): Mention[] {
  const one = field(value, "by");
  return one === "" ? mentions(path, value, "by") : [{ path: [...path, "by"], name: one }];
}

/** The name behind `claim:`, "" where there is none. */
export function claimOf(text: string): string {
  return /^claim:(.+)$/.exec(text)?.[1] ?? "";
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function readAuthenticator(path: PolicyPath, value: unknown): DraftAuthenticator {
  const keys = items(value, ["keys"], MAX_KEYS, path).map((item) => ({
    path: item.path,
    kid: field(item.value, "kid") || field(valueAt(item.value, ["jwk"]), "kid"),
    jwkKid: field(valueAt(item.value, ["jwk"]), "kid"),
    secret: field(item.value, "secret"),
    jwk: valueAt(item.value, ["jwk"]),
    id: field(item.value, "id"),
    sha256: field(item.value, "sha256").toLowerCase(),
    expires: field(item.value, "expires"),
    roles: mentions(item.path, item.value, "roles"),
  }));
  const type = field(value, "type");
  return {
    path,
    name: mention(path, value),
    type,
    header: field(value, "header").toLowerCase() || (type === "api-key" ? "x-api-key" : ""),
    algorithms:
      valueAt(value, ["algorithms"]) === undefined ? standardAlgorithm(path, type) : mentions(path, value, "algorithms"),
    hasKeys: valueAt(value, ["keys"]) !== undefined,
    jwks: field(value, "jwks"),
    requireExp: valueAt(value, ["requireExp"]) !== false,
    maxAge: field(value, "maxAge"),
    dpop: field(value, "dpop"),
    proofFields: ["dpopMaxAge", "dpopNonce"].filter((key) => valueAt(value, [key]) !== undefined),
    keys,
    derives: valueAt(value, ["derive"]) !== undefined,
    stored: valueAt(value, ["stored"]) === true,
  };
}

/** What the schema fills in. */
function standardAlgorithm(path: PolicyPath, type: string): Mention[] {
  return [{ path: [...path, "algorithms"], name: type === "cwt" ? "HMAC 256/256" : "HS256" }];
}

/** A text field, "" where there is none. */
function field(value: unknown, key: string): string {
  const text = valueAt(value, [key]);
  return typeof text === "string" ? text : "";
}

function mention(path: PolicyPath, value: unknown): Mention | null {
  const name = field(value, "name");
  return name === "" ? null : { path: [...path, "name"], name };
}

function mentions(path: PolicyPath, value: unknown, key: string): Mention[] {
  return items(value, [key], MAX_REFERENCES, path).flatMap((item) =>
    typeof item.value === "string" ? [{ path: item.path, name: item.value }] : [],
  );
}

/** A list's first entries with their paths; empty where there is no list. */
function items(data: unknown, keys: PolicyPath, most: number, base: PolicyPath = []): { path: PolicyPath; value: unknown }[] {
  const list = valueAt(data, keys);
  if (!Array.isArray(list)) return [];
  return list.slice(0, most).map((value: unknown, index) => ({ path: [...base, ...keys, index], value }));
}

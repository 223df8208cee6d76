import * as abi from "../../wasm/abi.ts";
import { accessFindings, accessWarnings, roleFindings } from "./check-access.ts";
import { keySourceFindings, keySourceWarnings } from "./check-keys.ts";
import { claimNames, limitFindings } from "./check-limits.ts";
import { possessionFindings } from "./check-possession.ts";
import { type Draft, type DraftAuthenticator, type DraftService, type Mention, readDraft } from "./draft.ts";
import { type Finding, type PolicyPath, quoted } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import { liesUnder, templateShape } from "./template.ts";

export interface Checked {
  problems: Finding[];
  warnings: Finding[];
}

/**
 * What no single field can say: references between the parts, doubles, bounds on the whole. `data` need not be valid.
 *
 * Problems: unknown_authenticator, unknown_limit, duplicate_name, duplicate_match, duplicate_operation, duplicate_entry,
 * keys_missing, keys_and_derive, outside_prefix, too_many_operations, too_many_limits, too_many_claims,
 * too_many_headers, and those of `possessionFindings`, `accessFindings`, `roleFindings` and `limitFindings`.
 * Warnings: see `warningsOf`.
 */
export function checkPolicy(data: unknown, nowMs: number): Checked {
  const draft = readDraft(data);
  const problems = [
    ...duplicateNames(draft),
    ...references(draft),
    ...duplicateMatches(draft.services),
    ...draft.services.flatMap(operationFindings),
    ...draft.authenticators.flatMap(keyFindings),
    ...draft.authenticators.flatMap(deriveFindings),
    ...draft.authenticators.flatMap(keySourceFindings),
    ...draft.authenticators.flatMap(possessionFindings),
    ...draft.services.flatMap((service) => entryFindings(service, windowCounts(draft))),
    ...draft.services.flatMap(accessFindings),
    ...roleFindings(draft),
    ...limitFindings(draft),
    ...totals(draft),
  ];
  return { problems, warnings: warningsOf(draft, nowMs) };
}

function duplicateNames({ services, authenticators, limits }: Draft): Finding[] {
  return [services, authenticators, limits].flatMap((list) =>
    repeated(
      list.flatMap(({ name }) => (name === null ? [] : [name])),
      "duplicate_name",
    ),
  );
}

/** Every mention of a name that stands in the list before it. */
function repeated(mentions: readonly Mention[], code: "duplicate_name" | "duplicate_entry"): Finding[] {
  const seen = new Set<string>();
  return mentions.flatMap(({ path, name }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [{ path, code, message: `${quoted(name)} stands here twice`, expected: "each name once", found: quoted(name) }];
  });
}

function references({ services, authenticators, limits }: Draft): Finding[] {
  const auths = services.flatMap(({ auth }) => auth);
  const rates = services.flatMap((service) => [
    ...service.limits,
    ...service.operations.flatMap((operation) => operation.limits),
  ]);
  return [...unknown(auths, authenticators, "authenticator"), ...unknown(rates, limits, "limit")];
}

function unknown(
  mentions: readonly Mention[],
  list: readonly { name: Mention | null }[],
  what: "authenticator" | "limit",
): Finding[] {
  const known = new Set(list.flatMap(({ name }) => (name === null ? [] : [name.name])));
  const names = [...known].slice(0, 10).map(quoted).join(", ");
  const expected = known.size === 0 ? `the name of one of the ${what}s (there are none)` : `one of ${names}`;
  return mentions
    .filter(({ name }) => !known.has(name))
    .map(({ path, name }) => ({
      path,
      code: `unknown_${what}`,
      message: `there is no ${what} ${quoted(name)}${didYouMean(name, known)}`,
      expected,
      found: quoted(name),
    }));
}

function duplicateMatches(services: readonly DraftService[]): Finding[] {
  const seen = new Map<string, string>();
  return services.flatMap(({ path, host, prefix, name }) => {
    if (prefix === null) return [];
    const match = `${host}${prefix}`;
    const other = seen.get(match);
    seen.set(match, other ?? name?.name ?? "");
    if (other === undefined) return [];
    const message = `service ${quoted(other)} matches the same requests`;
    return [
      { path: [...path, "match"], code: "duplicate_match", message, expected: "another host or path", found: quoted(match) },
    ];
  });
}

function operationFindings({ prefix, operations }: DraftService): Finding[] {
  const seen = new Map<string, string>();
  const findings: Finding[] = [];
  for (const { path, method, template } of operations) {
    if (template === null) continue;
    const found = `${method} ${template.text}`;
    if (prefix !== null && !liesUnder(template, prefix)) {
      const message = "no request of this service reaches this operation";
      findings.push({ path, code: "outside_prefix", message, expected: `a path under ${prefix}`, found: template.text });
    }
    const shape = `${method} ${templateShape(template)}`;
    const other = seen.get(shape);
    if (other === undefined) seen.set(shape, template.text);
    else
      findings.push({
        path,
        code: "duplicate_operation",
        message: `${method} ${other} matches the same requests`,
        expected: "each operation once",
        found,
      });
  }
  return findings;
}

/** A kid, an id or a digest that an authenticator holds twice: which key is meant would be a matter of chance. */
function keyFindings({ type, keys }: DraftAuthenticator): Finding[] {
  const mentions = (field: "kid" | "id" | "sha256") => keys.map((key) => ({ path: [...key.path, field], name: key[field] }));
  if (type === "jwt" || type === "cwt")
    return repeated(mentions("kid"), "duplicate_entry").map((one) =>
      one.found === '""' ? { ...one, ...withoutKid(one.path) } : one,
    );
  const named = (list: Mention[]) => list.filter(({ name }) => name !== "");
  const digests = repeated(named(mentions("sha256")), "duplicate_entry");
  return [
    ...repeated(named(mentions("id")), "duplicate_entry"),
    ...digests.map((one) => ({ ...one, message: "this digest stands here twice", found: "(hidden)" })),
  ];
}

/** Which of two kinds of keys a CWT's kid means would be a matter of the order; without any, nothing could be let in. */
function deriveFindings({ path, type, keys, derives }: DraftAuthenticator): Finding[] {
  if (type !== "cwt" || keys.length > 0 !== derives) return [];
  const expected = "either keys or derive";
  return derives
    ? [{ path, code: "keys_and_derive", message: "keys are listed and derived as well", expected, found: "both" }]
    : [{ path, code: "keys_missing", message: "there are no keys to check tokens with", expected, found: "neither" }];
}

function withoutKid(path: PolicyPath): Pick<Finding, "path" | "message" | "found"> {
  return {
    path: path.slice(0, -1),
    message: "only one of an authenticator's keys may have no kid",
    found: "another without kid",
  };
}

/** Each window is a limit of its own. */
function windowCounts({ limits }: Draft): ReadonlyMap<string, number> {
  return new Map(limits.flatMap(({ name, windows }) => (name === null ? [] : [[name.name, Math.max(1, windows.length)]])));
}

function entryFindings(service: DraftService, windows: ReadonlyMap<string, number>): Finding[] {
  return [
    ...repeated(service.auth, "duplicate_entry"),
    ...repeated(service.limits, "duplicate_entry"),
    ...service.operations.flatMap(({ limits, scopes, roles }) => {
      const twice = repeated([...service.limits, ...limits], "duplicate_entry").filter(({ path }) =>
        limits.some((one) => one.path === path),
      );
      const count = [...service.limits, ...limits].reduce((sum, { name }) => sum + (windows.get(name) ?? 1), 0);
      return [
        ...twice,
        ...repeated(scopes, "duplicate_entry"),
        ...repeated(roles, "duplicate_entry"),
        ...tooMany(limits[0]?.path.slice(0, -1), "too_many_limits", count, abi.MAX_REQUEST_LIMITS),
      ];
    }),
  ];
}

function totals({ services, limits, authenticators }: Draft): Finding[] {
  const operations = 1 + services.reduce((sum, service) => sum + 1 + service.operations.length, 0);
  const bound = services.flatMap(({ operations: own }) => own.flatMap(({ binds }) => binds.map(({ claim }) => claim)));
  const counted = claimNames(limits);
  const claims = new Set([...counted, ...bound].filter((claim) => claim !== ""));
  const headers = new Set(authenticators.flatMap(({ type, header }) => (type !== "jwt" && header !== "" ? [header] : [])));
  return [
    ...tooMany(["services"], "too_many_operations", operations, abi.MAX_OPERATIONS),
    ...tooMany([counted.length > 0 ? "limits" : "services"], "too_many_claims", claims.size, abi.MAX_CUSTOM_CLAIMS),
    ...tooMany(["authenticators"], "too_many_headers", headers.size + 1, abi.CREDENTIAL_SLOTS),
  ];
}

const tooManyMessages: Readonly<Record<string, string>> = {
  too_many_limits:
    "a request can be held to so many limits only, the service's and the operation's together, each window counted",
  too_many_operations: "so many operations do not fit: one counts for each service, and one for requests without a service",
  too_many_claims: "limits and binds together can name so many different claims only",
  too_many_headers: "credentials can come in so many different headers only, Authorization counted",
};

function tooMany(path: PolicyPath | undefined, code: string, count: number, most: number): Finding[] {
  if (count <= most || path === undefined) return [];
  return [{ path, code, message: tooManyMessages[code] ?? "", expected: `at most ${most}`, found: String(count) }];
}

/**
 * Warnings: unused_authenticator, unused_limit, expired_key, missing_owner, refuses_all, unreachable_operation, and those of
 * `accessWarnings`.
 */
function warningsOf(draft: Draft, nowMs: number): Finding[] {
  const { services } = draft;
  const auths = new Set(services.flatMap(({ auth }) => auth.map(({ name }) => name)));
  const rates = new Set(
    services.flatMap((s) => [...s.limits, ...s.operations.flatMap(({ limits }) => limits)].map(({ name }) => name)),
  );
  return [
    ...unused(draft.authenticators, auths, "authenticator"),
    ...unused(draft.limits, rates, "limit"),
    ...draft.authenticators.flatMap((one) => expiredKeys(one, nowMs)),
    ...draft.authenticators.flatMap(keySourceWarnings),
    ...services.flatMap(serviceWarnings),
    ...services.flatMap(accessWarnings),
    ...services.flatMap((service) => unreachable(service, services)),
  ];
}

function unused(
  list: readonly { name: Mention | null }[],
  used: ReadonlySet<string>,
  what: "authenticator" | "limit",
): Finding[] {
  return list.flatMap(({ name }) => {
    if (name === null || used.has(name.name)) return [];
    return [
      {
        path: name.path,
        code: `unused_${what}`,
        message: `nothing uses this ${what}`,
        expected: "a mention in a service",
        found: "none",
      },
    ];
  });
}

function expiredKeys({ keys }: DraftAuthenticator, nowMs: number): Finding[] {
  return keys
    .filter(({ expires }) => Date.parse(expires) <= nowMs)
    .map(({ path, expires }) => ({
      path: [...path, "expires"],
      code: "expired_key",
      message: "this key has expired: its calls are refused",
      expected: "a time to come",
      found: quoted(expires),
    }));
}

function serviceWarnings({ path, owner, undocumented, operations }: DraftService): Finding[] {
  const findings: Finding[] = [];
  if (owner === "") {
    const message = "nobody answers for this service";
    findings.push({
      path: [...path, "owner"],
      code: "missing_owner",
      message,
      expected: "who is asked about it",
      found: "nothing",
    });
  }
  if (undocumented === "refuse" && operations.length === 0) {
    const message = "without operations every request is refused";
    findings.push({
      path: [...path, "undocumented"],
      code: "refuses_all",
      message,
      expected: "operations, or report",
      found: "refuse",
    });
  }
  return findings;
}

/** An operation whose paths all belong to a service with a longer prefix. */
function unreachable({ host, prefix, operations }: DraftService, services: readonly DraftService[]): Finding[] {
  if (prefix === null) return [];
  const longer = services.flatMap((other) => {
    return other.host === host && other.prefix !== null && other.prefix.length > prefix.length
      ? [{ name: other.name, prefix: other.prefix }]
      : [];
  });
  return operations.flatMap(({ path, template }) => {
    const owner = template === null ? undefined : longer.find((other) => liesUnder(template, other.prefix));
    if (owner === undefined || template === null) return [];
    const message = `these requests belong to service ${quoted(owner.name?.name ?? "")}, whose path is longer`;
    return [{ path, code: "unreachable_operation", message, expected: "an operation there", found: template.text }];
  });
}

import type { PrincipalRow } from "../db/principal-rows.ts";
import { countDistinct } from "./linear-counting.ts";
import type { PrivilegePolicy } from "./privilege-policy.ts";
import { remedies } from "./privilege-remedies.ts";
import { DAY_MS, thresholds } from "./privilege-thresholds.ts";
import { type Caller, holdingsOf, unusedOf, type Watch } from "./privileges.ts";

/** Every code, in the order in which findings are shown. Stable: scripts and addresses rely on them. */
export const findingCodes = [
  "credential_shared",
  "token_without_exp",
  "credential_long_lived",
  "credential_not_rotated",
  "caller_dormant",
  "scope_wildcard",
  "scope_unknown",
  "scope_unused",
  "role_unused",
] as const;

export type FindingCode = (typeof findingCodes)[number];

/** What makes a finding's remedy true: a line of the policy, a command, or words for who issues the tokens. */
export interface Remedy {
  kind: "policy" | "command" | "issuer";
  text: string;
}

export interface Finding {
  code: FindingCode;
  /** Scope or role that it is about; "" = the caller as a whole. */
  subject: string;
  /** One sentence with its evidence. */
  says: string;
  /** The sentence's figures by name: counts, days, times in ms. */
  evidence: Record<string, number>;
  remedy: Remedy;
}

/** What is to be said of a caller. Of one that is revoked there is nothing left to say. */
export function findingsOf(caller: Caller, policy: PrivilegePolicy, watch: Watch, nowMs: number): Finding[] {
  const { row } = caller;
  if (row.revoked === 1 || !policy.authenticators.has(row.authenticator)) return [];
  const found = [
    ...sharedFindings(row, policy),
    ...(isOver(row, nowMs) ? [] : [...lifetimeFindings(row, policy, nowMs), ...rotationFindings(row, policy, nowMs)]),
    ...dormantFindings(row, nowMs),
    ...scopeFindings(caller, policy, watch),
    ...(watch.isEnough ? unusedFindings(caller, policy, watch) : []),
  ];
  return found.sort((a, b) => findingCodes.indexOf(a.code) - findingCodes.indexOf(b.code));
}

const isOver = ({ expiresMs }: PrincipalRow, nowMs: number) => expiresMs !== null && expiresMs <= nowMs;
const isKey = (row: PrincipalRow, policy: PrivilegePolicy) => policy.authenticators.get(row.authenticator)?.type === "api-key";
const wholeDays = (ms: number) => Math.floor(ms / DAY_MS);
const count = (n: number, one: string) => `${n.toLocaleString("en-US")} ${one}${n === 1 ? "" : "s"}`;
const dayText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** A token is often used from many addresses in good faith, since a device moves with it; a key lies where it was put. */
function sharedFindings(row: PrincipalRow, policy: PrivilegePolicy): Finding[] {
  const { value, low, high } = countDistinct(row.addressLow, row.addressHigh);
  if (!isKey(row, policy) || low <= thresholds.sharedAddresses) return [];
  const many =
    high === null ? `at least ${low} addresses (more than can be told apart)` : `about ${value} addresses (${low} to ${high})`;
  return [
    {
      code: "credential_shared",
      subject: "",
      says: `One key was used from ${many} on ${dayText(row.addressDay)}. Give each place one of its own.`,
      evidence: { addresses: value, low, ...(high !== null && { high }), dayMs: row.addressDay * DAY_MS },
      remedy: remedies.ownKeys(row, policy),
    },
  ];
}

function lifetimeFindings(row: PrincipalRow, policy: PrivilegePolicy, nowMs: number): Finding[] {
  const base = { subject: "", evidence: {} };
  const key = isKey(row, policy);
  if (key && row.expiresMs === null)
    return [
      { ...base, code: "credential_long_lived", says: "The key never expires.", remedy: remedies.expiry(row, policy, nowMs) },
    ];
  const endless: Finding[] =
    key || row.endless === 0
      ? []
      : [{ ...base, code: "token_without_exp", says: "A token without exp was accepted.", remedy: remedies.requireExp(row) }];
  // Where no issue date is known: the credential was alive when it was last seen, so it lives from then on at least.
  const known = row.expiresMs === null ? 0 : row.expiresMs - (row.issuedMs ?? row.lastMs);
  const days = wholeDays(Math.max(row.lifetimeMs ?? 0, known));
  if (days <= thresholds.longLivedDays) return endless;
  const says = `A credential of it is good for ${count(days, "day")}, more than ${thresholds.longLivedDays}.`;
  const remedy = key ? remedies.expiry(row, policy, nowMs) : remedies.maxLifetime(row);
  return [...endless, { ...base, code: "credential_long_lived", says, evidence: { days }, remedy }];
}

function rotationFindings(row: PrincipalRow, policy: PrivilegePolicy, nowMs: number): Finding[] {
  const days = row.issuedMs === null ? 0 : wholeDays(nowMs - row.issuedMs);
  if (row.issuedMs === null || days <= thresholds.notRotatedDays) return [];
  const says = `The credential is ${count(days, "day")} old and was not replaced since.`;
  const evidence = { days, issuedMs: row.issuedMs };
  const remedy = isKey(row, policy) ? remedies.newKey(row, policy) : remedies.maxAge(row);
  return [{ code: "credential_not_rotated", subject: "", says, evidence, remedy }];
}

function dormantFindings(row: PrincipalRow, nowMs: number): Finding[] {
  const days = wholeDays(nowMs - row.lastMs);
  if (days < thresholds.dormantDays || isOver(row, nowMs)) return [];
  const says = `Not seen for ${count(days, "day")}, and its credential still works.`;
  const remedy = remedies.revoke(row, `not seen for ${days} days`);
  return [{ code: "caller_dormant", subject: "", says, evidence: { days, lastMs: row.lastMs }, remedy }];
}

function scopeFindings(caller: Caller, policy: PrivilegePolicy, watch: Watch): Finding[] {
  const { scopes } = holdingsOf(caller, policy);
  const strange = scopes.filter((scope) => !policy.scopes.has(scope));
  const unused = watch.isEnough ? unusedOf(caller, policy).scopes : [];
  const kept = scopes.filter((scope) => policy.scopes.has(scope) && !unused.includes(scope));
  return strange.map((scope) => {
    const isWildcard = scope.includes("*");
    return {
      code: isWildcard ? "scope_wildcard" : "scope_unknown",
      subject: scope,
      says: isWildcard
        ? `${scope} looks like a wildcard. Picket takes scopes whole, so here it opens nothing; an upstream may think otherwise.`
        : `No operation and no role of the policy knows ${scope}: it is of no use here, unless an upstream asks for it.`,
      evidence: {},
      remedy: remedies.scopes(caller.row, policy, kept),
    };
  });
}

function unusedFindings(caller: Caller, policy: PrivilegePolicy, { days, requests }: Watch): Finding[] {
  const unused = unusedOf(caller, policy);
  const { scopes, roles } = holdingsOf(caller, policy);
  const evidence = { days, requests };
  const seen = `in ${count(days, "day")}, ${count(requests, "request")} seen`;
  const without = (held: readonly string[], taken: readonly string[]) => held.filter((one) => !taken.includes(one));
  return [
    ...unused.scopes.map(
      (subject): Finding => ({
        code: "scope_unused",
        subject,
        says: `Remove ${subject} from ${caller.row.principal}: unused ${seen}.`,
        evidence,
        remedy: remedies.scopes(caller.row, policy, without(scopes, unused.scopes)),
      }),
    ),
    ...unused.roles.map(
      (subject): Finding => ({
        code: "role_unused",
        subject,
        says: `Remove the role ${subject} from ${caller.row.principal}: not needed ${seen}.`,
        evidence,
        remedy: remedies.roles(caller.row, policy, without(roles, unused.roles)),
      }),
    ),
  ];
}

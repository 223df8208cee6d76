import type { PrincipalOperationRow, PrincipalRow } from "../db/principal-rows.ts";
import type { OperationMeta } from "../policy/compiled.ts";
import { operationKey, type PrivilegePolicy } from "./privilege-policy.ts";
import { DAY_MS } from "./privilege-thresholds.ts";

/** A caller and every operation that it called. */
export interface Caller {
  row: PrincipalRow;
  operations: readonly PrincipalOperationRow[];
}

/** What a caller may do by its newest credential and the policy in force, temporary grants left out. */
export interface Holdings {
  /** Carried by the credential itself. */
  scopes: readonly string[];
  /** Those that the policy has. */
  roles: readonly string[];
}

export function holdingsOf({ row }: Caller, { roles }: PrivilegePolicy): Holdings {
  return { scopes: [...new Set(words(row.scopes))].sort(), roles: rolesIn(row.roles, roles) };
}

const words = (text: string) => text.split(" ").filter((word) => word !== "");

/** Roles' names may hold blanks: at each word the longest name that is known is taken. */
function rolesIn(text: string, known: ReadonlyMap<string, unknown>): string[] {
  const parts = words(text);
  const roles = new Set<string>();
  for (let from = 0; from < parts.length; ) {
    let to = parts.length;
    while (to > from && !known.has(parts.slice(from, to).join(" "))) to--;
    if (to > from) roles.add(parts.slice(from, to).join(" "));
    from = Math.max(to, from + 1);
  }
  return [...roles].sort();
}

/** An operation of the policy in force that let this caller pass. */
export interface UsedOperation {
  row: PrincipalOperationRow;
  meta: OperationMeta;
}

export function usedOperations({ operations }: Caller, policy: PrivilegePolicy): UsedOperation[] {
  return operations.flatMap((row) => {
    const meta = row.allowed > 0 ? metaOf(row, policy) : undefined;
    return meta ? [{ row, meta }] : [];
  });
}

export function metaOf({ service, method, operation }: PrincipalOperationRow, { operations }: PrivilegePolicy) {
  return operations.get(operationKey(service, method, operation));
}

/** Does the caller hold this scope, itself or by a role? */
export function holdsScope(scope: string, { scopes, roles }: Holdings, policy: PrivilegePolicy): boolean {
  return scopes.includes(scope) || roles.some((role) => policy.roles.get(role)?.includes(scope));
}

/** What an operation asks for that the caller holds: each scope for itself, and one of its roles. As the core decides it. */
function metDemands({ scopes, roles }: OperationMeta, holdings: Holdings, policy: PrivilegePolicy): number {
  const byRole = roles.length > 0 && roles.some((role) => holdings.roles.includes(role)) ? 1 : 0;
  return byRole + scopes.filter((scope) => holdsScope(scope, holdings, policy)).length;
}

export interface Unused {
  scopes: string[];
  roles: string[];
}

/**
 * What could be taken from a caller without refusing anything that it has done: scopes that no operation which it used asks
 * for, and roles without which each of these operations has all that it has now. Roles are taken one by one, since of two
 * that do the same only one can go. All of it can be taken at once.
 */
export function unusedOf(caller: Caller, policy: PrivilegePolicy): Unused {
  const used = usedOperations(caller, policy).map(({ meta }) => meta);
  const holdings = holdingsOf(caller, policy);
  const needed = new Set(used.flatMap(({ scopes }) => scopes));
  // A scope that the policy does not know may be meant for the upstream: scope_unknown says so instead.
  const scopes = holdings.scopes.filter((scope) => policy.scopes.has(scope) && !needed.has(scope));
  const met = used.map((operation) => metDemands(operation, holdings, policy));
  const roles: string[] = [];
  for (const role of holdings.roles) {
    const without = { ...holdings, roles: holdings.roles.filter((one) => one !== role && !roles.includes(one)) };
    if (used.every((operation, index) => metDemands(operation, without, policy) === met[index])) roles.push(role);
  }
  return { scopes, roles };
}

/** What must be seen before anything is called unused. */
export interface WatchWindow {
  days: number;
  requests: number;
}

/** How long a caller was seen using the operations of the policy in force, up to its last request, and how much. */
export interface Watch {
  sinceMs: number;
  lengthMs: number;
  /** Whole days. */
  days: number;
  /** Requests that were let pass. */
  requests: number;
  isEnough: boolean;
}

/**
 * Scopes that an operation asked for which the policy lists no longer cannot be told, so watching begins anew after its last
 * use. The time since the caller's own last request says nothing of its habits and does not count.
 */
export function watchOf({ row, operations }: Caller, policy: PrivilegePolicy, window: WatchWindow): Watch {
  const unknown = operations.filter((one) => one.allowed > 0 && metaOf(one, policy) === undefined);
  const sinceMs = Math.max(row.firstMs, ...unknown.map(({ lastMs }) => lastMs));
  const lengthMs = Math.max(0, row.lastMs - sinceMs);
  const known = operations.filter((one) => metaOf(one, policy) !== undefined);
  const requests = known.reduce((sum, { allowed }) => sum + allowed, 0);
  const isEnough = lengthMs >= window.days * DAY_MS && requests >= window.requests;
  return { sinceMs, lengthMs, days: Math.floor(lengthMs / DAY_MS), requests, isEnough };
}

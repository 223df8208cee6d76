import type { PrivilegePolicy } from "./privilege-policy.ts";
import { type Caller, holdingsOf, metaOf } from "./privileges.ts";

/** One scope of a caller: what gives it, and what it was good for. */
export interface ScopeUse {
  scope: string;
  /** missing: an operation that it called asks for it, and nothing gives it. unknown: no operation or role of the policy has it. */
  state: "used" | "unused" | "missing" | "unknown";
  /** "credential", "role NAME", "grant ID". */
  via: string[];
  /** Operations that it called and that ask for this scope. */
  operations: { service: string; method: string; operation: string }[];
  /** Requests to them that were let pass. */
  requests: number;
}

/** A temporary grant: from when on, and its scopes, space-separated. */
export interface GrantedScopes {
  id: number;
  fromMs: number;
  scopes: string;
}

/** Scopes granted against scopes used, temporary grants included; missing ones first, then used, unused and unknown ones. */
export function scopeUses(caller: Caller, policy: PrivilegePolicy, grants: readonly GrantedScopes[], nowMs: number): ScopeUse[] {
  const uses = new Map<string, ScopeUse>();
  const useOf = (scope: string) => {
    const use = uses.get(scope) ?? { scope, state: "unused", via: [], operations: [], requests: 0 };
    uses.set(scope, use);
    return use;
  };
  const { scopes, roles } = holdingsOf(caller, policy);
  for (const scope of scopes) useOf(scope).via.push("credential");
  for (const role of roles) for (const scope of policy.roles.get(role) ?? []) useOf(scope).via.push(`role ${role}`);
  for (const { id, fromMs, scopes: granted } of grants) {
    if (fromMs <= nowMs) for (const scope of granted.split(" ")) useOf(scope).via.push(`grant ${id}`);
  }
  for (const row of caller.operations) {
    const { service, method, operation, allowed } = row;
    for (const scope of metaOf(row, policy)?.scopes ?? []) {
      const use = useOf(scope);
      use.operations.push({ service, method, operation });
      use.requests += allowed;
    }
  }
  const order: ScopeUse["state"][] = ["missing", "used", "unused", "unknown"];
  return [...uses.values()]
    .map((use) => ({ ...use, state: stateOf(use, policy) }))
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (a.scope < b.scope ? -1 : 1));
}

function stateOf({ scope, via, requests }: ScopeUse, policy: PrivilegePolicy): ScopeUse["state"] {
  if (via.length === 0) return "missing";
  if (requests > 0) return "used";
  return policy.scopes.has(scope) ? "unused" : "unknown";
}

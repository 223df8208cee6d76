import * as abi from "../../wasm/abi.ts";
import { type PlannedLimit, planLimits } from "./plan-limits.ts";
import type { Authenticator, Method, Operation, Policy, Service } from "./schema.ts";

/** A policy in the order of its image: an index in these lists is an index in the image and in the meta. */
export interface Plan {
  policy: Policy;
  services: Service[];
  /** Index 0 stands for requests that match no service. */
  operations: PlannedOperation[];
  /** Names of the claims that limits count by, then of those that parameters are bound to. */
  claims: string[];
  /** Names of the policy's roles: the nth is bit n of a caller's roles. */
  roles: string[];
  /** Lower-case header names by credential slot. */
  credentialHeaders: string[];
  /** Lower-case names of the headers that limits count by, by slot. */
  keyHeaders: string[];
  limits: PlannedLimit[];
  /** For each operation the indices of its limits. */
  limitsOf: number[][];
  authenticatorIndex: Map<string, number>;
}

export interface PlannedOperation {
  /** Index into `services`, -1 for operation 0. */
  service: number;
  /** null: the stand-in for what matches no template (or, at index 0, no service). */
  operation: Operation | null;
}

/** Decides every index. The policy must have passed `parsePolicy`'s checks. */
export function planPolicy(policy: Policy): Plan {
  const services = [...policy.services].sort(matchOrder);
  const operations: PlannedOperation[] = [{ service: -1, operation: null }];
  for (const [service, { operations: own }] of services.entries()) {
    operations.push({ service, operation: null });
    for (const operation of own) operations.push({ service, operation });
  }
  const { limits, ofOperation } = planLimits(policy, services, operations);
  return {
    policy,
    services,
    operations,
    claims: claimsOf(policy),
    roles: Object.keys(policy.roles),
    credentialHeaders: credentialHeaders(policy.authenticators),
    keyHeaders: keyHeadersOf(policy),
    limits,
    limitsOf: ofOperation,
    authenticatorIndex: indexByName(policy.authenticators),
  };
}

export function slotOf(plan: Plan, authenticator: Authenticator): number {
  return plan.credentialHeaders.indexOf(headerOf(authenticator));
}

export const methodCodes: Readonly<Record<Method, number>> = {
  GET: abi.METHOD_GET,
  HEAD: abi.METHOD_HEAD,
  POST: abi.METHOD_POST,
  PUT: abi.METHOD_PUT,
  PATCH: abi.METHOD_PATCH,
  DELETE: abi.METHOD_DELETE,
  OPTIONS: abi.METHOD_OPTIONS,
};

/** The first service that matches wins: a host before any host, then the longer prefix; names settle the rest. */
function matchOrder(a: Service, b: Service): number {
  const byHost = Number(a.match.host === undefined) - Number(b.match.host === undefined);
  return byHost || b.match.path.length - a.match.path.length || (a.name < b.name ? -1 : 1);
}

function claimsOf({ limits, services }: Policy): string[] {
  const subjects = services.flatMap(({ operations }) => operations.flatMap(({ bind }) => Object.values(bind)));
  const named = [...limits.flatMap(({ by }) => by), ...subjects];
  return [...new Set(named.flatMap((one) => (one.kind === "claim" ? [one.claim] : [])))];
}

function keyHeadersOf({ limits }: Policy): string[] {
  return [...new Set(limits.flatMap(({ by }) => by.flatMap((part) => (part.kind === "header" ? [part.header] : []))))];
}

/** The lower-case name of the header that carries the credential. */
function headerOf(authenticator: Authenticator): string {
  return (authenticator.type === "jwt" ? undefined : authenticator.header) ?? "authorization";
}

/** Slot 0 is Authorization, whether or not a token is taken from it. */
export function credentialHeaders(authenticators: readonly Authenticator[]): string[] {
  return [...new Set(["authorization", ...authenticators.map(headerOf)])];
}

function indexByName(list: readonly { name: string }[]): Map<string, number> {
  return new Map(list.map(({ name }, index) => [name, index]));
}

import * as abi from "../../wasm/abi.ts";
import { type ImageWriter, NONE } from "./image-writer.ts";
import { nameHash } from "./lower-limits.ts";
import { methodCodes, type Plan, type PlannedOperation } from "./plan.ts";
import { roleBits } from "./role-bits.ts";
import type { Operation, Service } from "./schema.ts";
import { type Route, writeTrie } from "./trie.ts";

const undocumentedModes: Readonly<Record<Service["undocumented"], number>> = {
  allow: abi.UNDOCUMENTED_ALLOW,
  report: abi.UNDOCUMENTED_REPORT,
  refuse: abi.UNDOCUMENTED_REFUSE,
};

/** Writes services, operations, and each service's route trie. */
export function writeServices(writer: ImageWriter, plan: Plan): void {
  for (const [index, service] of plan.services.entries()) writeService(writer, plan, service, index);
  for (const [index, operation] of plan.operations.entries()) writeOperation(writer, plan, operation, plan.limitsOf[index] ?? []);
}

function writeService(writer: ImageWriter, plan: Plan, service: Service, index: number): void {
  const { view } = writer.record(abi.SECTION_SERVICES);
  const auths = writer.list(indices(service.auth, plan.authenticatorIndex));
  view.setInt32(abi.SERVICE_HOST, writer.string(service.match.host ?? null), true);
  view.setInt32(abi.SERVICE_PREFIX, writer.string(service.match.path), true);
  view.setUint32(abi.SERVICE_ROOT, writeTrie(writer, routesOf(plan, index)), true);
  view.setUint32(
    abi.SERVICE_UNDOCUMENTED,
    plan.operations.findIndex((o) => o.service === index && o.operation === null),
    true,
  );
  view.setUint32(abi.SERVICE_UNDOCUMENTED_MODE, undocumentedModes[service.undocumented], true);
  view.setUint32(abi.SERVICE_AUTHS_FIRST, auths.first, true);
  view.setUint32(abi.SERVICE_AUTHS_COUNT, auths.count, true);
  view.setBigUint64(abi.SERVICE_KEY, nameHash(service.name), true);
  view.setUint32(abi.SERVICE_FLAGS, service.failMode === "open" ? abi.SERVICE_FAIL_OPEN : 0, true);
}

function routesOf(plan: Plan, service: number): Route[] {
  return plan.operations.flatMap((planned, operation) => {
    if (planned.service !== service || planned.operation === null) return [];
    const { method, path } = planned.operation;
    return [{ method: methodCodes[method], template: path, operation }];
  });
}

function writeOperation(writer: ImageWriter, plan: Plan, planned: PlannedOperation, heldTo: readonly number[]): void {
  const { service, operation } = planned;
  const { view } = writer.record(abi.SECTION_OPERATIONS);
  const scopes = writer.list((operation?.scopes ?? []).map((scope) => writer.string(scope)));
  const limits = writer.list(heldTo);
  view.setInt32(abi.OPERATION_SERVICE, service, true);
  view.setUint32(abi.OPERATION_SCOPES_FIRST, scopes.first, true);
  view.setUint32(abi.OPERATION_SCOPES_COUNT, scopes.count, true);
  view.setUint32(abi.OPERATION_LIMITS_FIRST, limits.first, true);
  view.setUint32(abi.OPERATION_LIMITS_COUNT, limits.count, true);
  view.setUint32(abi.OPERATION_COST, operation?.cost ?? 1, true);
  const carriers = writer.list((operation?.scopes ?? []).map((scope) => roleBits(plan.roles, carriersOf(plan, scope))));
  view.setUint32(abi.OPERATION_CARRIERS_FIRST, carriers.first, true);
  view.setUint32(abi.OPERATION_ROLES, roleBits(plan.roles, operation?.roles ?? []), true);
  const binds = operation === null ? [] : bindsOf(plan, operation);
  view.setUint32(abi.OPERATION_BINDS_FIRST, writer.list(binds.flat()).first, true);
  view.setUint32(abi.OPERATION_BINDS_COUNT, binds.length, true);
  view.setBigUint64(abi.OPERATION_KEY, nameHash(operationName(plan, planned)), true);
}

/** What stays the same when a policy renumbers. No name holds a line break. */
function operationName({ services }: Plan, { service, operation }: PlannedOperation): string {
  return [services[service]?.name ?? "", operation?.method ?? "", operation?.path.text ?? ""].join("\n");
}

/** Names of the roles that carry a scope. */
function carriersOf({ policy, roles }: Plan, scope: string): string[] {
  return roles.filter((role) => policy.roles[role]?.includes(scope));
}

/** {segment, subject} of each bound parameter, by rising segment. */
function bindsOf({ claims }: Plan, { path, bind }: Operation): [segment: number, subject: number][] {
  return path.segments.flatMap((segment, index) => {
    const subject = segment.kind === "parameter" && Object.hasOwn(bind, segment.name) ? bind[segment.name] : undefined;
    if (subject === undefined) return [];
    return [[index, subject.kind === "claim" ? claims.indexOf(subject.claim) : abi.BIND_PRINCIPAL]];
  });
}

function indices(names: readonly string[], known: ReadonlyMap<string, number>): number[] {
  return names.map((name) => known.get(name) ?? NONE);
}

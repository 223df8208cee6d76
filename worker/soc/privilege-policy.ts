import type { AuthenticatorMeta, OperationMeta, PolicyMeta } from "../policy/compiled.ts";

/** What the policy in force says of callers and their rights. */
export interface PrivilegePolicy {
  /** 0 = no policy was published. */
  version: number;
  /** By operationKey. */
  operations: ReadonlyMap<string, OperationMeta>;
  /** Scopes that an operation asks for or a role carries. */
  scopes: ReadonlySet<string>;
  roles: ReadonlyMap<string, readonly string[]>;
  authenticators: ReadonlyMap<string, AuthenticatorMeta>;
}

/** @param meta PolicyMeta as JSON, as it was published; null = there is none */
export function readPrivilegePolicy(meta: string | null): PrivilegePolicy {
  // What was published before Picket knew roles and owners in the meta has none of these members.
  const {
    version = 0,
    services = [],
    operations = [],
    roles = [],
    authenticators = [],
  }: Partial<PolicyMeta> = meta === null ? {} : JSON.parse(meta);
  const named = operations.map((operation) => {
    const service = services[operation.service]?.name ?? "";
    return [operationKey(service, operation.method, operation.template), { ...operation, roles: operation.roles ?? [] }] as const;
  });
  return {
    version,
    operations: new Map(named),
    scopes: new Set([...operations.flatMap(({ scopes }) => scopes), ...roles.flatMap((role) => role.scopes)]),
    roles: new Map(roles.map(({ name, scopes }) => [name, scopes])),
    authenticators: new Map(authenticators.map((one) => [one.name, { ...one, owner: one.owner ?? "", keys: one.keys ?? [] }])),
  };
}

export function operationKey(service: string, method: string, operation: string): string {
  return JSON.stringify([service, method, operation]);
}

/** Who answers for a caller: its key's owner, else its authenticator's, else "". */
export function ownerOf({ authenticators }: PrivilegePolicy, authenticator: string, principal: string): string {
  const known = authenticators.get(authenticator);
  return known?.keys.find(({ id }) => id === principal)?.owner || (known?.owner ?? "");
}

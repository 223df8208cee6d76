import type { RoleMeta } from "../policy/compiled.ts";

/**
 * The scopes with which a request passes: what its credential and grants carry, then what its roles add, each once.
 *
 * @param carried space-separated
 * @param held bits: the nth of `roles` is bit n
 */
export function effectiveScopes(carried: string, held: number, roles: readonly RoleMeta[]): string {
  if (held === 0) return carried;
  const scopes = new Set(carried.split(" ").filter((scope) => scope !== ""));
  for (const [index, role] of roles.entries()) {
    if (((held >>> index) & 1) === 1) for (const scope of role.scopes) scopes.add(scope);
  }
  return [...scopes].join(" ");
}

import { type PolicyPath, quoted } from "./problem.ts";

/** What may be shown of an authenticator's key. Whatever else stands there may be a secret in the wrong place. */
const openKeyFields = new Set<string | number>(["kid", "id", "kind", "encoding", "expires", "scopes", "roles", "addresses"]);

/**
 * A value as a problem shows it: short, and "(hidden)" where a secret may stand.
 *
 * @param path where the value stands in the policy
 */
export function describe(value: unknown, path: PolicyPath): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (mayBeSecret(value, path)) return "(hidden)";
  if (typeof value !== "string") return String(value);
  return quoted(value);
}

function mayBeSecret(value: unknown, path: PolicyPath): boolean {
  if (path[0] === "authenticators" && (path[2] === "keys" || path[2] === "derive"))
    return !path.slice(3).some((step) => openKeyFields.has(step));
  return path.includes("upstream") && typeof value === "string" && /[@?#]/.test(value);
}

/** The value at a path; undefined where there is none. */
export function valueAt(data: unknown, path: PolicyPath): unknown {
  let value = data;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

import { storedIds } from "../db/api-keys.ts";
import { type Finding, quoted } from "../policy/problem.ts";
import type { Policy } from "../policy/schema.ts";

/** Keys of a policy whose id has a key in D1 already: revoked, disabled and counted would be both at once. Problem: key_in_store. */
export async function storedKeyConflicts(db: D1Database, { authenticators }: Policy): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [index, one] of authenticators.entries()) {
    if (one.type !== "api-key" || one.keys.length === 0) continue;
    const ids = one.keys.map(({ id }) => id);
    for (const id of await storedIds(db, one.name, ids)) {
      findings.push({
        path: ["authenticators", index, "keys", ids.indexOf(id), "id"],
        code: "key_in_store",
        message: "a key of this id was made by the gateway and is kept there",
        expected: "an id that no stored key of this authenticator has",
        found: quoted(id),
      });
    }
  }
  return findings;
}

import { readPolicySource } from "../db/policies.ts";
import { parsePolicy } from "../policy/parse.ts";

/** Does the policy in force hold a key of that id at the authenticator? Where it cannot be told, yes. */
export async function policyHasKey(db: D1Database, authenticator: string, id: string, nowMs: number): Promise<boolean> {
  const parsed = await parsePolicy((await readPolicySource(db)) ?? "", nowMs);
  if (!parsed.ok) return true;
  return parsed.policy.authenticators.some(
    (one) => one.name === authenticator && one.type === "api-key" && one.keys.some((key) => key.id === id),
  );
}

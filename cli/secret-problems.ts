import { type Finding, type Locate, locateFindings, type Problem } from "../worker/policy/problem.ts";
import type { Policy } from "../worker/policy/schema.ts";
import { hmacKeyBytes } from "../worker/policy/secret-bytes.ts";
import { secretKeys } from "../worker/policy/secret-keys.ts";
import type { SecretOf } from "../worker/policy/secrets.ts";
import { isKnownSecret } from "./known-secrets/known-secret.ts";

/**
 * What is wrong with the HMAC secrets that are set here, and the references of those that are not.
 *
 * Codes: secret_malformed, secret_too_short, secret_weak, secret_known. No message says anything of the secret's text.
 */
export function secretProblems(policy: Policy, secretOf: SecretOf, locate: Locate): { problems: Problem[]; unset: string[] } {
  const findings: Finding[] = [];
  const unset = new Set<string>();
  for (const [index, authenticator] of policy.authenticators.entries()) {
    for (const { secret: ref, encoding, at: path } of secretKeys(authenticator, ["authenticators", index])) {
      const value = secretOf(ref);
      if (value === undefined) unset.add(ref);
      else {
        const wrong = weaknessOf(value, encoding);
        if (wrong !== null) findings.push({ path, ...wrong, message: `${ref}: ${wrong.message}`, found: "(hidden)" });
      }
    }
  }
  return { problems: locateFindings(findings, locate), unset: [...unset] };
}

/** Of these, what `compile` does not say itself: the dictionary is too large for a Worker. */
export function knownSecretProblems(policy: Policy, secretOf: SecretOf, locate: Locate): Problem[] {
  return secretProblems(policy, secretOf, locate).problems.filter(({ code }) => code === "secret_known");
}

/** Also whoever writes a known text in hex, or takes a known text of hex digits for bytes, has a known secret. */
export function weaknessOf(
  value: Uint8Array | string,
  encoding: Parameters<typeof hmacKeyBytes>[1],
): Pick<Finding, "code" | "message" | "expected"> | null {
  const read = hmacKeyBytes(value, encoding);
  if (!read.ok) return { code: read.code, message: read.message, expected: read.expected };
  const text = typeof value === "string" ? new TextEncoder().encode(value) : value;
  if (!isKnownSecret(read.value) && !isKnownSecret(text)) return null;
  const message = "this secret is published: it is among the first that are tried";
  return { code: "secret_known", message, expected: "random bytes (openssl rand -hex 32)" };
}

import type { PolicyPath } from "./problem.ts";
import type { Authenticator, CwtAuthenticator } from "./schema.ts";

/** A shared secret, and where the policy names it. */
export type SecretKeyRef = Pick<NonNullable<CwtAuthenticator["derive"]>, "secret" | "encoding"> & {
  kid?: string | undefined;
  at: PolicyPath;
};

/** The secrets among an authenticator's keys, in their order; public keys are none. */
export function secretKeys(authenticator: Authenticator, path: PolicyPath): SecretKeyRef[] {
  if (authenticator.type === "api-key") return [];
  if (authenticator.type === "cwt" && authenticator.derive !== undefined) {
    const { secret, encoding } = authenticator.derive; // the one key, without a kid: devices' keys are derived from it
    return [{ secret, encoding, at: [...path, "derive", "secret"] }];
  }
  return (authenticator.keys ?? []).flatMap(({ kid, secret, encoding }, i) =>
    secret === undefined ? [] : [{ kid, secret, encoding, at: [...path, "keys", i, "secret"] }],
  );
}

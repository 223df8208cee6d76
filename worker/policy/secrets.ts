import type { Read } from "./quantity.ts";

/** What an env:NAME or file:PATH reference stands for; undefined = it is not set. */
export type SecretOf = (ref: string) => Uint8Array | string | undefined;

/**
 * The Worker's own way to a policy's secrets: `env:NAME` is the string binding NAME, and PICKET_SECRETS holds as JSON what
 * has no binding of its own (`file:` references, and everything that the start command read). The gateway's own
 * PICKET_… bindings are never handed out.
 */
export function secretResolver(env: Readonly<Record<string, unknown>>): SecretOf {
  const given = parseSecrets(env.PICKET_SECRETS);
  return (ref) => {
    const fromJson = given.get(ref);
    if (fromJson !== undefined) return fromJson;
    if (!ref.startsWith("env:") || ref.startsWith("env:PICKET_")) return undefined;
    const name = ref.slice(4);
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
}

/** A malformed PICKET_SECRETS counts as empty: each missing secret is then named by its reference. */
function parseSecrets(json: unknown): Map<string, string> {
  const secrets = new Map<string, string>();
  if (typeof json !== "string") return secrets;
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return secrets;
  }
  if (typeof parsed !== "object" || parsed === null) return secrets;
  for (const [ref, value] of Object.entries(parsed)) if (typeof value === "string" && value !== "") secrets.set(ref, value);
  return secrets;
}

/** What to say about a reference that leads nowhere. Code: secret_missing. */
export function secretMissing(ref: string): Read<never> {
  const name = ref.replace(/^env:/, "");
  const expected = ref.startsWith("env:")
    ? `the environment variable ${name} (deployed: npx wrangler secret put ${name})`
    : `a readable file ${ref.slice(5)}, relative to the policy (deployed: an entry ${JSON.stringify(ref)} in the secret PICKET_SECRETS)`;
  return { ok: false, code: "secret_missing", expected, message: "this secret is not set" };
}

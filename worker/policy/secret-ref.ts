import type { Read } from "./quantity.ts";

/** Where a secret is to be read from: `env:NAME` or `file:PATH`, exactly as the policy writes it. */
export type SecretRef = string;

export const secretRefPattern = "^(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^\\u0000-\\u001f\\u007f-\\u009f]{1,1024})$";

/** The gateway's own secrets: a policy must not turn them into token keys. */
const reserved = new Set(["env:PICKET_KEY", "env:PICKET_ADMIN_TOKEN", "env:PICKET_SECRETS"]);

/** Errors: secret_inline, secret_reserved. */
export function readSecretRef(text: string): Read<SecretRef> {
  const expected = "env:NAME or file:PATH";
  if (!new RegExp(secretRefPattern).test(text)) {
    const message = "a secret never stands in the policy: put it into an environment variable (env:NAME) or a file (file:PATH)";
    return { ok: false, code: "secret_inline", expected, message };
  }
  if (!reserved.has(text)) return { ok: true, value: text };
  return {
    ok: false,
    code: "secret_reserved",
    expected,
    message: `${text.slice(4)} is the gateway's own secret: take another name`,
  };
}

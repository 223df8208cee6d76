import type { Read } from "./quantity.ts";

/** What a bound path parameter must be: the caller's principal, or the value of a claim of its token. */
export type BindSubject = { kind: "principal" } | { kind: "claim"; claim: string };

export const bindSubjectPattern = "^(principal|claim:[A-Za-z0-9_.:/-]{1,64})$";

/** Errors: bind_malformed. */
export function readBindSubject(input: string): Read<BindSubject> {
  if (input === "principal") return { ok: true, value: { kind: "principal" } };
  if (new RegExp(bindSubjectPattern).test(input)) return { ok: true, value: { kind: "claim", claim: input.slice(6) } };
  const message = "this is nothing that a caller's own objects can be known by";
  return { ok: false, code: "bind_malformed", expected: "principal or claim:NAME", message };
}

import type { FindingCode } from "../api-types.ts";

/** What a finding's mark says; its whole sentence comes from the server. */
export const findingLabels: Readonly<Record<FindingCode, string>> = {
  credential_shared: "shared key",
  token_without_exp: "no exp",
  credential_long_lived: "long-lived",
  credential_not_rotated: "not rotated",
  caller_dormant: "dormant",
  scope_wildcard: "wildcard scope",
  scope_unknown: "unknown scope",
  scope_unused: "unused scope",
  role_unused: "unused role",
};

/** The label of a code, also of one that this console does not know yet. */
export function findingLabel(code: string): string {
  return Object.hasOwn(findingLabels, code) ? findingLabels[code as FindingCode] : code;
}

const SHOWN = 2;

/** The marks that a row has room for, and how many kinds of finding are left out. */
export function marksOf(findings: readonly { code: string; count: number }[]): { marks: string[]; more: number } {
  const marks = findings.slice(0, SHOWN).map(({ code, count }) => findingLabel(code) + (count > 1 ? ` ×${count}` : ""));
  return { marks, more: Math.max(0, findings.length - SHOWN) };
}

/** How much of what must be seen before anything is called unused was seen: "3 of 7 days, 42 of 100 requests". */
export function watchWords(watch: { days: number; requests: number }, window: { days: number; requests: number }): string {
  const of = (have: number, need: number) => `${Math.min(have, need).toLocaleString("en-US")} of ${need.toLocaleString("en-US")}`;
  return `${of(watch.days, window.days)} days, ${of(watch.requests, window.requests)} requests`;
}

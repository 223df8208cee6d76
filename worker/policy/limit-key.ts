import { readHeaderName } from "./header-name.ts";
import type { Read } from "./quantity.ts";

const plain = ["principal", "credential", "address", "network", "asn", "country", "operation", "service"] as const;

/** One part of what a limit counts apart. */
export type LimitKey =
  | { kind: (typeof plain)[number] }
  | { kind: "claim"; claim: string }
  | { kind: "header"; header: string }
  | { kind: "parameter"; parameter: string };

export const limitKeyPattern = `^(${plain.join("|")}|claim:[A-Za-z0-9_.:/-]{1,64}|header:[!#$%&'*+.^_\`|~0-9A-Za-z-]{1,64}|parameter:[A-Za-z_][A-Za-z0-9_]{0,63})$`;

const expected = `${plain.join(", ")}, claim:NAME, header:NAME or parameter:NAME`;

/** Errors: limit_key_malformed, header_reserved. */
export function readLimitKey(input: string): Read<LimitKey> {
  const kind = plain.find((one) => one === input);
  if (kind !== undefined) return { ok: true, value: { kind } };
  if (!new RegExp(limitKeyPattern).test(input)) {
    return { ok: false, code: "limit_key_malformed", expected, message: "this is nothing to count by" };
  }
  const at = input.indexOf(":");
  const name = input.slice(at + 1);
  if (input.startsWith("claim:")) return { ok: true, value: { kind: "claim", claim: name } };
  if (input.startsWith("parameter:")) return { ok: true, value: { kind: "parameter", parameter: name } };
  const header = readHeaderName(name);
  return header.ok ? { ok: true, value: { kind: "header", header: header.value } } : { ...header, expected };
}

/** As the policy writes it. */
export function limitKeyText(key: LimitKey): string {
  if (key.kind === "claim") return `claim:${key.claim}`;
  if (key.kind === "header") return `header:${key.header}`;
  return key.kind === "parameter" ? `parameter:${key.parameter}` : key.kind;
}

/** Does this part say who calls, as the credential does? A preflight carries none (Fetch §4.8). */
export function isOfCaller({ kind }: LimitKey): boolean {
  return kind === "principal" || kind === "credential" || kind === "claim" || kind === "header" || kind === "parameter";
}

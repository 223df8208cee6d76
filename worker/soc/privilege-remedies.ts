import type { PrincipalRow } from "../db/principal-rows.ts";
import type { Remedy } from "./privilege-findings.ts";
import type { PrivilegePolicy } from "./privilege-policy.ts";
import { DAY_MS, thresholds } from "./privilege-thresholds.ts";

type Named = Pick<PrincipalRow, "authenticator" | "principal">;

/** What to change so that a finding is gone: as it can be pasted. The lists are what is left when all proposals are followed. */
export const remedies = {
  scopes: (row: Named, policy: PrivilegePolicy, left: readonly string[]) => lists(row, policy, "scopes", left),
  roles: (row: Named, policy: PrivilegePolicy, left: readonly string[]) => lists(row, policy, "roles", left),
  expiry: (row: Named, nowMs: number) =>
    keyLine(row, `expires: ${new Date(nowMs + thresholds.longLivedDays * DAY_MS).toISOString().slice(0, 10)}`),
  requireExp: (row: Named) => policyLine(row, "requireExp: true"),
  maxLifetime: (row: Named) => policyLine(row, `maxLifetime: ${24 * thresholds.longLivedDays}h`),
  maxAge: (row: Named) => policyLine(row, `maxAge: ${24 * thresholds.notRotatedDays}h`),
  newKey: ({ principal }: Named) => command(`npx picket token new --id=${shellQuoted(principal)}`),
  ownKeys: ({ principal }: Named) => command(`npx picket token new --id=${shellQuoted(`${principal}-2`)}`),
  revoke: ({ authenticator, principal }: Named, reason: string) =>
    command(
      `npx picket revoke --kind principal --authenticator ${authenticator} --subject=${shellQuoted(principal)} --reason=${shellQuoted(reason)}`,
    ),
};

function lists(row: Named, policy: PrivilegePolicy, field: "scopes" | "roles", left: readonly string[]): Remedy {
  const known = policy.authenticators.get(row.authenticator);
  const list = `[${left.map((one) => (/^[A-Za-z][A-Za-z0-9_.:/-]*[A-Za-z0-9]$/.test(one) ? one : JSON.stringify(one))).join(", ")}]`;
  if (known?.type === "api-key") return keyLine(row, `${field}: ${list}`);
  const text = `Issuer of ${row.authenticator}: leave ${JSON.stringify(row.principal)} the ${field} ${list}`;
  return { kind: "issuer", text };
}

const policyLine = ({ authenticator }: Named, line: string): Remedy => ({
  kind: "policy",
  text: `# authenticators, name: ${authenticator}\n${line}`,
});

const keyLine = ({ authenticator, principal }: Named, line: string): Remedy => ({
  kind: "policy",
  text: `# authenticators, name: ${authenticator}, keys, id: ${JSON.stringify(principal)}\n${line}`,
});

const command = (text: string): Remedy => ({ kind: "command", text });

/** Single quotes, POSIX shell: nothing inside is expanded. A plain word stays as it is. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_.:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

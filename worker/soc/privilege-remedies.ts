import type { PrincipalRow } from "../db/principal-rows.ts";
import type { Remedy } from "./privilege-findings.ts";
import type { PrivilegePolicy } from "./privilege-policy.ts";
import { DAY_MS, thresholds } from "./privilege-thresholds.ts";

type Named = Pick<PrincipalRow, "authenticator" | "principal">;

/** What to change so that a finding is gone: as it can be pasted. The lists are what is left when all proposals are followed. */
export const remedies = {
  scopes: (row: Named, policy: PrivilegePolicy, left: readonly string[]) => lists(row, policy, "scopes", left),
  roles: (row: Named, policy: PrivilegePolicy, left: readonly string[]) => lists(row, policy, "roles", left),
  expiry: (row: Named, policy: PrivilegePolicy, nowMs: number) =>
    isStored(row, policy)
      ? tokenCommand("expire", row, row.principal, `--at ${thresholds.longLivedDays}d --reason='has to end'`)
      : keyLine(row, `expires: ${new Date(nowMs + thresholds.longLivedDays * DAY_MS).toISOString().slice(0, 10)}`),
  requireExp: (row: Named) => policyLine(row, "requireExp: true"),
  maxLifetime: (row: Named) => policyLine(row, `maxLifetime: ${24 * thresholds.longLivedDays}h`),
  maxAge: (row: Named) => policyLine(row, `maxAge: ${24 * thresholds.notRotatedDays}h`),
  newKey: (row: Named, policy: PrivilegePolicy) =>
    isStored(row, policy)
      ? tokenCommand("reroll", row, row.principal, "--reason='not rotated'")
      : command(`npx picket token new --id=${shellQuoted(row.principal)}`),
  ownKeys: (row: Named, policy: PrivilegePolicy) =>
    isStored(row, policy)
      ? tokenCommand("new", row, `${row.principal}-2`, "--reason='a key for each place'")
      : command(`npx picket token new --id=${shellQuoted(`${row.principal}-2`)}`),
  revoke: ({ authenticator, principal }: Named, reason: string) =>
    command(
      `npx picket revoke --kind principal --authenticator ${authenticator} --subject=${shellQuoted(principal)} --reason=${shellQuoted(reason)}`,
    ),
};

function lists(row: Named, policy: PrivilegePolicy, field: "scopes" | "roles", left: readonly string[]): Remedy {
  const known = policy.authenticators.get(row.authenticator);
  const list = `[${left.map((one) => (/^[A-Za-z][A-Za-z0-9_.:/-]*[A-Za-z0-9]$/.test(one) ? one : JSON.stringify(one))).join(", ")}]`;
  if (isStored(row, policy)) {
    const other = field === "scopes" ? "roles" : "scopes";
    const successor = `${row.principal}-2`;
    const made = tokenCommand("new", row, successor, `--${field}=${shellQuoted(left.join(","))} --reason='least privilege'`);
    const ended = tokenCommand("expire", row, row.principal, `--at 7d --reason=${shellQuoted(`replaced by ${successor}`)}`);
    return command(`${made.text}   # and its ${other}\n${ended.text}`);
  }
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

/** Is it a key that the gateway keeps? Those stand in no policy. */
function isStored({ authenticator, principal }: Named, policy: PrivilegePolicy): boolean {
  const known = policy.authenticators.get(authenticator);
  return known?.type === "api-key" && Boolean(known.store) && !known.keys.some(({ id }) => id === principal);
}

const tokenCommand = (verb: string, { authenticator }: Named, id: string, more: string): Remedy =>
  command(`npx picket token ${verb} --authenticator ${authenticator} --id=${shellQuoted(id)} ${more}`);

const command = (text: string): Remedy => ({ kind: "command", text });

/** Single quotes, POSIX shell: nothing inside is expanded. A plain word stays as it is. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_.:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

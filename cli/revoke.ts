import { adminHelp, instantMs, iso } from "./admin-api.ts";
import { type AdminList, type Given, runAdminList } from "./admin-list.ts";

export const help = `picket revoke --kind KIND --authenticator NAME --subject TEXT --reason TEXT [--before TIME] [--expires TIME]
picket revoke list
picket revoke lift ID

Refuses a credential in every region within two seconds, whatever it says and however long it is good.
  --kind       token (subject: its jti), principal (its sub, or a key's id), credential (an API key's id),
               issuer (no subject: everything that was issued before an instant)
  --before     only what was issued before: 2026-11-24T10:00:00Z; for an issuer now when it is left out.
               A token that does not say when it was issued counts as issued before
  --expires    when the revocation ends: an instant, or 90m, 12h, 7d from now; never when it is left out. For one token,
               its exp: a list that is full refuses more
${adminHelp}`;

interface Revocation {
  id: number;
  kind: string;
  authenticator: string;
  subject: string;
  beforeMs: number | null;
  expiresMs: number | null;
  reason: string;
  who: string;
  madeMs: number;
}

/** @returns exit code */
export function run(args: readonly string[]): Promise<number> {
  return runAdminList<Revocation>(revocations, args);
}

const revocations: AdminList<Revocation> = {
  command: "revoke",
  help,
  options: ["kind", "authenticator", "subject", "reason", "before", "expires"],
  list: "revocations",
  entry: "revocation",
  removal: "lift",
  removed: "is lifted",
  request,
  line,
};

function request(values: Given, nowMs: number): Record<string, unknown> | string {
  const { kind, authenticator, subject, reason, before, expires } = values;
  if (kind === undefined || authenticator === undefined || reason === undefined) {
    return `--kind, --authenticator and --reason are needed\n\n${help}`;
  }
  const beforeMs = before === undefined ? undefined : instantMs(before, nowMs);
  const expiresMs = expires === undefined ? undefined : instantMs(expires, nowMs);
  if (beforeMs === null) return `--before ${before}: expected an instant such as 2026-11-24T10:00:00Z`;
  if (expiresMs === null) return `--expires ${expires}: expected an instant, or a time from now such as 90m, 12h, 7d`;
  return { kind, authenticator, subject, reason, beforeMs, expiresMs };
}

function line(one: Revocation): string {
  const what = `${one.kind} ${one.authenticator}${one.subject === "" ? "" : ` ${one.subject}`}`;
  const before = one.beforeMs === null ? "" : `, issued before ${iso(one.beforeMs)}`;
  const until = one.expiresMs === null ? "" : `, until ${iso(one.expiresMs)}`;
  return `${one.id}  ${what}${before}${until}: ${one.reason} (${one.who}, ${iso(one.madeMs)})`;
}

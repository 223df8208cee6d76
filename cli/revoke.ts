import { parseArgs } from "node:util";
import { type AdminApi, adminHelp, adminOptions, instantMs, iso, openAdminApi, spread } from "./admin-api.ts";

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

const options = {
  ...adminOptions,
  kind: { type: "string" },
  authenticator: { type: "string" },
  subject: { type: "string" },
  reason: { type: "string" },
  before: { type: "string" },
  expires: { type: "string" },
} as const;

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = read(args);
  if (parsed === null) return wrong(help);
  const { values, positionals } = parsed;
  const opened = openAdminApi(values, process.env);
  if (!opened.ok) return wrong(opened.message);
  const [verb, id, ...rest] = positionals;
  if (verb === "list" && id === undefined) return list(opened.api);
  if (verb === "lift" && /^\d+$/.test(id ?? "") && rest.length === 0) return lift(opened.api, id ?? "");
  if (verb !== undefined) return wrong(help);
  const body = requestOf(values, Date.now());
  return typeof body === "string" ? wrong(body) : revoke(opened.api, body);
}

type Values = NonNullable<ReturnType<typeof read>>["values"];

/** The request's body, or what is missing. */
function requestOf(values: Values, nowMs: number): Record<string, unknown> | string {
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

async function revoke(api: AdminApi, body: Record<string, unknown>): Promise<number> {
  const answer = await api.call("POST", "/revocations", body);
  if (!answer.ok) return failed(answer.message);
  const { revocation, pending } = answer.body as { revocation: Revocation; pending: string[] };
  console.log(`${line(revocation)}\n${spread({ pending })}`);
  return 0;
}

async function lift(api: AdminApi, id: string): Promise<number> {
  const answer = await api.call("DELETE", `/revocations/${id}`);
  if (!answer.ok) return failed(answer.message);
  console.log(`Revocation ${id} is lifted. ${spread(answer.body as { pending: string[] })}`);
  return 0;
}

async function list(api: AdminApi): Promise<number> {
  const answer = await api.call("GET", "/revocations");
  if (!answer.ok) return failed(answer.message);
  const { revocations, most } = answer.body as { revocations: Revocation[]; most: number };
  for (const one of revocations) console.log(line(one));
  console.log(`${revocations.length} of at most ${most} revocations`);
  return 0;
}

function line(one: Revocation): string {
  const what = `${one.kind} ${one.authenticator}${one.subject === "" ? "" : ` ${one.subject}`}`;
  const before = one.beforeMs === null ? "" : `, issued before ${iso(one.beforeMs)}`;
  const until = one.expiresMs === null ? "" : `, until ${iso(one.expiresMs)}`;
  return `${one.id}  ${what}${before}${until}: ${one.reason} (${one.who}, ${iso(one.madeMs)})`;
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed(message: string): number {
  console.error(`picket revoke: ${message}`);
  return 1;
}

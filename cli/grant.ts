import { parseArgs } from "node:util";
import { type AdminApi, adminHelp, adminOptions, instantMs, iso, openAdminApi, spread } from "./admin-api.ts";

export const help = `picket grant --principal TEXT --authenticator NAME --scopes A,B --until TIME --reason TEXT --approver TEXT [--from TIME]
picket grant list
picket grant end ID

Gives a principal scopes beside those of its credential, for a time: they end by themselves, in every region at once.
  --from, --until   an instant (2026-11-24T10:00:00Z), or a time from now: 90m, 12h, 7d
${adminHelp}`;

interface Grant {
  id: number;
  principal: string;
  authenticator: string;
  scopes: string[];
  fromMs: number;
  untilMs: number;
  reason: string;
  approver: string;
  who: string;
  madeMs: number;
}

const options = {
  ...adminOptions,
  principal: { type: "string" },
  authenticator: { type: "string" },
  scopes: { type: "string" },
  from: { type: "string" },
  until: { type: "string" },
  reason: { type: "string" },
  approver: { type: "string" },
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
  if (verb === "end" && /^\d+$/.test(id ?? "") && rest.length === 0) return end(opened.api, id ?? "");
  if (verb !== undefined) return wrong(help);
  const body = requestOf(values, Date.now());
  return typeof body === "string" ? wrong(body) : give(opened.api, body);
}

type Values = NonNullable<ReturnType<typeof read>>["values"];

/** The request's body, or what is missing. */
function requestOf(values: Values, nowMs: number): Record<string, unknown> | string {
  const needed = ["principal", "authenticator", "scopes", "until", "reason", "approver"] as const;
  const missing = needed.filter((name) => values[name] === undefined).map((name) => `--${name}`);
  if (missing.length > 0) return `missing: ${missing.join(", ")}\n\n${help}`;
  const { principal, authenticator, reason, approver, from, until = "" } = values;
  const fromMs = from === undefined ? undefined : instantMs(from, nowMs);
  const untilMs = instantMs(until, nowMs);
  if (fromMs === null || untilMs === null) {
    return `--from and --until: expected an instant such as 2026-11-24T10:00:00Z, or a time from now such as 90m, 12h, 7d`;
  }
  const scopes = values.scopes?.split(/[ ,]+/).filter((scope) => scope !== "");
  return { principal, authenticator, scopes, fromMs, untilMs, reason, approver };
}

async function give(api: AdminApi, body: Record<string, unknown>): Promise<number> {
  const answer = await api.call("POST", "/grants", body);
  if (!answer.ok) return failed(answer.message);
  const { grant, pending } = answer.body as { grant: Grant; pending: string[] };
  console.log(`${line(grant)}\n${spread({ pending })}`);
  return 0;
}

async function end(api: AdminApi, id: string): Promise<number> {
  const answer = await api.call("DELETE", `/grants/${id}`);
  if (!answer.ok) return failed(answer.message);
  console.log(`Grant ${id} is taken back. ${spread(answer.body as { pending: string[] })}`);
  return 0;
}

async function list(api: AdminApi): Promise<number> {
  const answer = await api.call("GET", "/grants");
  if (!answer.ok) return failed(answer.message);
  const { grants, most } = answer.body as { grants: Grant[]; most: number };
  for (const one of grants) console.log(line(one));
  console.log(`${grants.length} of at most ${most} grants`);
  return 0;
}

function line(one: Grant): string {
  const when = `${iso(one.fromMs)} to ${iso(one.untilMs)}`;
  const why = `${one.reason} (approved by ${one.approver}; ${one.who}, ${iso(one.madeMs)})`;
  return `${one.id}  ${one.authenticator} ${one.principal}: ${one.scopes.join(" ")}, ${when}: ${why}`;
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed(message: string): number {
  console.error(`picket grant: ${message}`);
  return 1;
}

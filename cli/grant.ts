import { adminHelp, instantMs, iso } from "./admin-api.ts";
import { type AdminList, type Given, runAdminList } from "./admin-list.ts";

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

/** @returns exit code */
export function run(args: readonly string[]): Promise<number> {
  return runAdminList<Grant>(grants, args);
}

const grants: AdminList<Grant> = {
  command: "grant",
  help,
  options: ["principal", "authenticator", "scopes", "from", "until", "reason", "approver"],
  list: "grants",
  entry: "grant",
  removal: "end",
  removed: "is taken back",
  request,
  line,
};

function request(values: Given, nowMs: number): Record<string, unknown> | string {
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

function line(one: Grant): string {
  const when = `${iso(one.fromMs)} to ${iso(one.untilMs)}`;
  const why = `${one.reason} (approved by ${one.approver}; ${one.who}, ${iso(one.madeMs)})`;
  return `${one.id}  ${one.authenticator} ${one.principal}: ${one.scopes.join(" ")}, ${when}: ${why}`;
}

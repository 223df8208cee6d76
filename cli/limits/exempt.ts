import { instantMs, iso } from "../admin-api.ts";
import { type AdminList, type Given, runAdminList } from "../admin-list.ts";

const help = `picket limits exempt --principal TEXT --authenticator NAME (--for TIME | --until INSTANT) --reason TEXT [--limit NAME]
picket limits exempt --address ADDRESS|NETWORK (--for TIME | --until INSTANT) --reason TEXT [--limit NAME]

Lets a caller pass where a limit would refuse, for a time: it is not charged there, and counts as let pass.
  --address    203.0.113.7, 203.0.113.0/24, 2001:db8::/48; no wider than /8, for IPv6 /16
  --limit      one limit of the policy, by its name; without it every limit
  --for        90m, 12h, 7d, at most 366d; or its end as an instant: --until 2026-11-30T18:00:00Z`;

const listHelp = `picket limits exemptions

Lists exemptions that are in force, and those that ended in the last 30 days: of whom, from what, until when, who made and ended them.`;

const endHelp = `picket limits end-exemption ID

Ends an exemption before its time. The list shows it on.`;

interface Exemption {
  id: number;
  principal: string | null;
  authenticator: string | null;
  address: string | null;
  limit: string | null;
  untilMs: number;
  reason: string;
  who: string;
  madeMs: number;
  endedMs: number | null;
  endedBy: string | null;
}

const list: AdminList<Exemption> = {
  command: "limits",
  help,
  options: ["principal", "authenticator", "address", "limit", "for", "until", "reason"],
  list: "exemptions",
  entry: "exemption",
  removal: "end",
  removed: "is ended",
  request,
  line,
  isOver: ({ untilMs, endedMs }, nowMs) => endedMs !== null || untilMs <= nowMs,
};

/** Subcommands of `picket limits`: each resolves to the exit code. */
export const exempt = { help, run: (args: readonly string[]) => runAdminList(list, args) };
export const exemptions = {
  help: listHelp,
  run: (args: readonly string[]) => runAdminList({ ...list, help: listHelp, options: [] }, ["list", ...args]),
};
export const endExemption = {
  help: endHelp,
  run: (args: readonly string[]) => runAdminList({ ...list, help: endHelp, options: [] }, ["end", ...args]),
};

function request({ until, for: duration, ...given }: Given, nowMs: number): Record<string, unknown> | string {
  const { principal, authenticator, address, limit, reason } = given;
  const isAddress = address !== undefined && principal === undefined && authenticator === undefined;
  const isPrincipal = address === undefined && principal !== undefined && authenticator !== undefined;
  if (!isAddress && !isPrincipal) return `expected --principal and --authenticator, or --address\n\n${help}`;
  if (reason === undefined) return `missing: --reason\n\n${help}`;
  if ((until === undefined) === (duration === undefined)) return `expected --for or --until\n\n${help}`;
  if (duration !== undefined && !/^\d+[smhd]$/.test(duration)) return `--for ${duration}: expected a time such as 90m, 12h, 7d`;
  const untilMs = instantMs(duration ?? until ?? "", nowMs);
  if (untilMs === null) return `--until ${until}: expected an instant such as 2026-11-30T18:00:00Z`;
  return { principal, authenticator, address, limit, untilMs, reason };
}

function line(one: Exemption): string {
  const whom = one.address ?? `${one.authenticator} ${one.principal}`;
  const ended = one.endedMs === null ? "" : `, ended ${iso(one.endedMs)} by ${one.endedBy}`;
  const from = one.limit === null ? "every limit" : `limit ${one.limit}`;
  return `${one.id}  ${whom}: ${from}, until ${iso(one.untilMs)}${ended}: ${one.reason} (${one.who}, ${iso(one.madeMs)})`;
}

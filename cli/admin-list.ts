import { parseArgs } from "node:util";
import { type AdminApi, adminOptions, openAdminApi, spread } from "./admin-api.ts";

/** Options as they were given, by name without dashes. */
export type Given = Readonly<Record<string, string | undefined>>;

/** A list of a running gateway that a command adds to, shows, and takes from. `Entry`: as the SOC API answers it. */
export interface AdminList<Entry> {
  /** The command's name, and its help. */
  command: string;
  help: string;
  /** Names of the options that make an entry. */
  options: readonly string[];
  /** Path and member of the list, and member of one entry. */
  list: string;
  entry: string;
  /** Verb that takes an entry back, and what is then said of it. */
  removal: string;
  removed: string;
  /** The request's body, or what is missing. */
  request(given: Given, nowMs: number): Record<string, unknown> | string;
  line(entry: Entry): string;
  /** Is the entry shown although it counts no more? Without it none is. */
  isOver?(entry: Entry, nowMs: number): boolean;
}

/** @returns exit code */
export async function runAdminList<Entry>(spec: AdminList<Entry>, args: readonly string[]): Promise<number> {
  const parsed = read(spec.options, args);
  if (parsed === null) return wrong(spec.help);
  const { given, positionals } = parsed;
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  const [verb, id = "", ...rest] = positionals;
  if (verb === "list" && positionals.length === 1) return show(spec, opened.api);
  if (verb === spec.removal && /^\d+$/.test(id) && rest.length === 0) return remove(spec, opened.api, id);
  if (verb !== undefined) return wrong(spec.help);
  const body = spec.request(given, Date.now());
  return typeof body === "string" ? wrong(body) : add(spec, opened.api, body);
}

function read(names: readonly string[], args: readonly string[]): { given: Given; positionals: string[] } | null {
  const own = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const));
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { ...own, ...adminOptions }, allowPositionals: true });
    return { given: values as Given, positionals };
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

async function add<Entry>(spec: AdminList<Entry>, api: AdminApi, body: Record<string, unknown>): Promise<number> {
  const answer = await api.call("POST", `/${spec.list}`, body);
  if (!answer.ok) return failed(spec, answer.message);
  const { [spec.entry]: entry, pending } = answer.body as Record<string, unknown>;
  console.log(`${spec.line(entry as Entry)}\n${spread({ pending: pending as string[] })}`);
  return 0;
}

async function remove<Entry>(spec: AdminList<Entry>, api: AdminApi, id: string): Promise<number> {
  const answer = await api.call("DELETE", `/${spec.list}/${id}`);
  if (!answer.ok) return failed(spec, answer.message);
  const name = `${spec.entry[0]?.toUpperCase()}${spec.entry.slice(1)}`;
  console.log(`${name} ${id} ${spec.removed}. ${spread(answer.body as { pending: string[] })}`);
  return 0;
}

async function show<Entry>(spec: AdminList<Entry>, api: AdminApi): Promise<number> {
  const answer = await api.call("GET", `/${spec.list}`);
  if (!answer.ok) return failed(spec, answer.message);
  const { [spec.list]: entries, most } = answer.body as Record<string, unknown>;
  for (const one of entries as Entry[]) console.log(spec.line(one));
  const counting = (entries as Entry[]).filter((one) => spec.isOver?.(one, Date.now()) !== true);
  console.log(`${counting.length} of at most ${most} ${spec.list}`);
  return 0;
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed({ command }: { command: string }, message: string): number {
  console.error(`picket ${command}: ${message}`);
  return 1;
}

import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { parseArgs } from "node:util";
import type { EventRow } from "../../worker/db/event-row.ts";
import { type AdminApi, adminHelp, adminOptions, instantMs, openAdminApi } from "../admin-api.ts";
import { formats, isFormat } from "./format.ts";

const PAGE = 500;

export const help = `picket export [--format FORMAT] [--from TIME] [--to TIME] [--region NAME] [--verdict VERDICT] [--out FILE]

Writes stored samples of requests, newest first, one a line.
  --format     ${Object.keys(formats).join(", ")}; ndjson when it is left out.
               ocsf-api is OCSF 1.8 API Activity (6003), ocsf-http HTTP Activity (4002)
  --from       since when: 2026-11-24T10:00:00Z, or 90m, 12h, 7d ago; 24h when it is left out
  --to         until before when, as --from; now when it is left out
  --region, --verdict (allow, refuse, shadow)   only those
  --out        a file, which must not be there yet; standard output when it is left out
Each line says for how many requests it stands: sums of those are estimates of the totals.
${adminHelp}`;

const options = {
  format: { type: "string", default: "ndjson" },
  from: { type: "string", default: "24h" },
  to: { type: "string" },
  region: { type: "string", default: "" },
  verdict: { type: "string", default: "" },
  out: { type: "string" },
  ...adminOptions,
} as const;

type Given = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const given = read(args);
  if (given === null) return wrong(help);
  const { format } = given;
  if (!isFormat(format)) return wrong(`--format ${format}: expected ${Object.keys(formats).join(", ")}`);
  const query = queryOf(given, Date.now());
  if (typeof query === "string") return wrong(query);
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  const output = await openOutput(given.out);
  if (typeof output === "string") return wrong(output);
  const outcome = await copy(opened.api, query, formats[format](source()), output);
  if (given.out !== undefined) await new Promise((resolve) => output.end(resolve));
  if (typeof outcome === "string") {
    console.error(`picket export: ${outcome}`);
    return 1;
  }
  console.error(`${outcome.samples} samples, which stand for about ${Math.round(outcome.requests)} requests`);
  return 0;
}

function read(args: readonly string[]): Given | null {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

function queryOf({ from, to, region, verdict }: Given, nowMs: number): URLSearchParams | string {
  const expected = "expected an instant such as 2026-11-24T10:00:00Z, or a time ago such as 90m, 12h, 7d";
  const fromMs = pastMs(from, nowMs);
  if (fromMs === null) return `--from ${from}: ${expected}`;
  const toMs = to === undefined ? nowMs : pastMs(to, nowMs);
  if (toMs === null) return `--to ${to}: ${expected}`;
  return new URLSearchParams({ limit: String(PAGE), from: String(fromMs), to: String(toMs), region, verdict });
}

/** A time from now counts backwards here. */
function pastMs(text: string, nowMs: number): number | null {
  const ms = instantMs(text, nowMs);
  return ms === null ? null : Math.max(0, /^\d+[smhd]$/.test(text) ? 2 * nowMs - ms : ms);
}

async function openOutput(path: string | undefined): Promise<Writable | string> {
  if (path === undefined) return process.stdout;
  const file = createWriteStream(path, { flags: "wx" });
  try {
    await once(file, "open");
    return file;
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    return `--out ${path}: ${isThere ? "it is there already" : "it cannot be written"}`;
  }
}

type Outcome = { samples: number; requests: number } | string;

/** Page by page, so that memory holds one page however much there is. */
async function copy(
  api: AdminApi,
  query: URLSearchParams,
  text: (rows: EventRow[], isFirst: boolean) => string,
  output: Writable,
): Promise<Outcome> {
  let samples = 0;
  let requests = 0;
  for (let next: string | null = ""; next !== null; ) {
    if (next !== "") query.set("before", next);
    const answer = await api.call("GET", `/events?${query}`);
    if (!answer.ok) return `${answer.message}${samples === 0 ? "" : ` (after ${samples} samples, which are written)`}`;
    const page = answer.body as { events: EventRow[]; next: string | null };
    if (!output.write(text(page.events, samples === 0))) await once(output, "drain");
    samples += page.events.length;
    requests += page.events.reduce((sum, { standsFor }) => sum + standsFor, 0);
    if (process.stderr.isTTY) process.stderr.write(`\r${samples} samples…\r`);
    next = page.next;
  }
  return { samples, requests };
}

function source(): { version: string } {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  return { version };
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

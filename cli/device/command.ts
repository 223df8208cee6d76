import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type AdminApi, adminHelp, adminOptions, openAdminApi, spread } from "../admin-api.ts";
import { type Device, lineOf } from "./line.ts";
import { type Batch, batches, printBatch } from "./register.ts";

export const help = `picket device register --authenticator NAME --device ID [--fleet F] [--model M] [--firmware V] [--note TEXT]
picket device register --file FILE
picket device list [--authenticator NAME] [--fleet F] [--firmware V] [--state active|quarantined|retired] [--search TEXT]
picket device quarantine|retire|activate ID --authenticator NAME [--note TEXT]

Keeps the list of a gateway's devices; a device is what its credential names as principal.
  register     adds a device, or changes what is said of it: what is left out stays. A FILE (- is standard input) has one JSON object
               a line: {"authenticator":"sensors","device":"dev-7","fleet":"north","model":"TH-4","firmware":"4.2.0","note":"…"}
  list         --firmware is the version that a device's credential claims
  quarantine   refuses it with 403 device_quarantined, in every region within two seconds, until it is activated
  retire       refuses it as revoked. Both take devices that are registered or were seen; together with the revocations
               in force there may be 4096 of them
${adminHelp}`;

const LIST_PAGE = 500;
const MOST_PAGES = 2000;
const states: readonly string[] = ["quarantine", "retire", "activate"];
const described = ["authenticator", "device", "fleet", "model", "firmware", "note"] as const;
const filters = ["authenticator", "fleet", "firmware", "state", "search"] as const;

type Given = Readonly<Record<string, string | undefined>>;

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = read(args);
  if (parsed === null) return wrong(help);
  const { given, positionals } = parsed;
  const [verb = "", id, ...rest] = positionals;
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  if (verb === "list" && id === undefined) return list(opened.api, given);
  if (verb === "register" && id === undefined) return register(opened.api, given);
  if (states.includes(verb) && id !== undefined && rest.length === 0) return change(opened.api, verb, id, given);
  return wrong(help);
}

function read(args: readonly string[]): { given: Given; positionals: string[] } | null {
  const names = [...new Set([...described, ...filters, "file"])];
  const own = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const));
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { ...own, ...adminOptions }, allowPositionals: true });
    return { given: values as Given, positionals };
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

async function list(api: AdminApi, given: Given): Promise<number> {
  const query = new URLSearchParams({ limit: String(LIST_PAGE) });
  for (const name of filters) if (given[name] !== undefined) query.set(name, given[name]);
  let count = 0;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await api.call("GET", `/devices?${query}`);
    if (!answer.ok) return failed(answer.message);
    const { devices, next, used, most } = answer.body as { devices: Device[]; next: number | null; used: number; most: number };
    for (const one of devices) console.log(lineOf(one));
    count += devices.length;
    if (next === null) {
      console.log(`${count} ${count === 1 ? "device" : "devices"}; ${used} of at most ${most} revocations and refused devices`);
      return 0;
    }
    query.set("after", String(next));
  }
  return failed(`there are more than ${count} devices: narrow the list by --fleet or --search`);
}

async function register(api: AdminApi, given: Given): Promise<number> {
  const { file, authenticator, device } = given;
  if ((file === undefined) === (device === undefined) || (file === undefined && authenticator === undefined)) {
    return wrong(`--authenticator and --device are needed, or --file\n\n${help}`);
  }
  const one = Object.fromEntries(described.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
  const parts = file === undefined ? [{ numbers: null, lines: [JSON.stringify(one)] }] : readBatches(file);
  if (parts === null) return wrong(`${file} cannot be read`);
  let errors = 0;
  for (const batch of parts) {
    const answer = await api.call("POST", "/devices", batch.lines.join("\n"), "application/x-ndjson");
    if (!answer.ok) return failed(answer.message);
    errors += printBatch(batch, answer.body);
  }
  return errors === 0 ? 0 : 1;
}

function readBatches(file: string): Batch[] | null {
  try {
    return batches(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch {
    return null; // said by the caller, with the name
  }
}

async function change(api: AdminApi, verb: string, device: string, { authenticator, note }: Given): Promise<number> {
  if (authenticator === undefined) return wrong(`--authenticator is needed\n\n${help}`);
  const answer = await api.call("POST", `/devices/${verb}`, { authenticator, device, note });
  if (!answer.ok) return failed(answer.message);
  const { device: row, pending } = answer.body as { device: Device; pending: string[] };
  console.log(`${lineOf(row)}\n${spread({ pending })}`);
  return 0;
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed(message: string): number {
  console.error(`picket device: ${message}`);
  return 1;
}

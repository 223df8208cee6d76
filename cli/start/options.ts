import { parseArgs } from "node:util";
import { done, failed, type Outcome } from "./outcome.ts";

export interface StartOptions {
  /** Policy file; null = the bundled example. */
  policy: string | null;
  port: number;
  data: string;
  fresh: boolean;
  /** Play simulated callers against the example. */
  demo: boolean;
  regions: string[];
  help: boolean;
}

export const usage = `npm start -- [options]

  --policy FILE     protect your own API as FILE says; without it, a bundled example fleet API
  --port N          first port, 8787 by default; each further region takes the next one
  --data DIR        database and keys, .picket by default
  --fresh           delete what DIR holds first
  --no-demo         play no simulated callers
  --regions a,b,c   one listener per region; weur,enam,apac for the example, else local
  --help            this text
`;

const MAX_REGIONS = 16;

const known = {
  policy: { type: "string" },
  port: { type: "string", default: "8787" },
  data: { type: "string", default: ".picket" },
  fresh: { type: "boolean", default: false },
  "no-demo": { type: "boolean", default: false },
  regions: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** @param args what stands after `npm start --` */
export function readOptions(args: readonly string[]): Outcome<StartOptions> {
  const parsed = parse(args);
  if (!parsed.ok) return parsed;
  const { values } = parsed.value;
  const policy = values.policy ?? null;
  const regions = readRegions(values.regions ?? (policy === null ? "weur,enam,apac" : "local"));
  if (!regions.ok) return regions;
  const port = readPort(values.port, regions.value.length);
  if (!port.ok) return port;
  if (values.data === "") return failed("--data needs a directory.");
  const demo = policy === null && !values["no-demo"];
  const { data, fresh, help } = values;
  return done({ policy, port: port.value, data, fresh, demo, regions: regions.value, help });
}

function parse(args: readonly string[]) {
  try {
    return done(parseArgs({ args: [...args], options: known, allowPositionals: false }));
  } catch (error) {
    // parseArgs names the option in its first sentence; the others explain "--".
    const [sentence = ""] = (error instanceof Error ? error.message : "").split(". ", 1);
    return failed(`${sentence.replace(/\.$/, "")}. \`npm start -- --help\` lists the options.`);
  }
}

function readRegions(text: string): Outcome<string[]> {
  const regions = text.split(",").map((region) => region.trim());
  const bad = regions.find((region) => !/^[a-z0-9][a-z0-9-]{0,31}$/.test(region));
  if (bad !== undefined)
    return failed(`--regions: "${bad}" is not a region; names are lower-case letters, digits and "-", as in weur,enam.`);
  if (new Set(regions).size < regions.length) return failed("--regions names a region twice.");
  if (regions.length > MAX_REGIONS) return failed(`--regions takes at most ${MAX_REGIONS} regions.`);
  return done(regions);
}

function readPort(text: string, count: number): Outcome<number> {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port + count - 1 <= 65535) return done(port);
  return failed(`--port: "${text}" is not a port between 1 and ${65535 - count + 1}.`);
}

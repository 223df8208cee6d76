import { readdirSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from "miniflare";
import { migrate } from "./migrate.ts";
import { done, failed, type Outcome, reason } from "./outcome.ts";

export interface RuntimeOptions {
  root: string;
  regions: readonly string[];
  /** Port of the first region's listener. */
  port: number;
  statePath: string;
  key: string;
  adminToken: string;
  /** What the policy's references stand for, by reference. */
  secrets: Readonly<Record<string, string>>;
}

/** workerd, with one gateway Worker per region, all on one database and one set of Region objects. */
export interface Runtime {
  /** Base address of each region's listener. */
  origins: string[];
  /** Gives the Workers other secrets. workerd starts anew for that: listeners are away for about a second. */
  setSecrets(secrets: Readonly<Record<string, string>>): Promise<Outcome<null>>;
  /** Runs the daily clean-up, for which nothing local rings. */
  cleanUp(): Promise<void>;
  stop(): Promise<void>;
}

const COMPATIBILITY_DATE = "2026-10-01";
/** The Worker that is named so keeps the Region objects, whatever the regions of this run are. */
const HOME = "picket";
const CONSOLE = "console";
const DATABASE = "picket";

export async function startRuntime(options: RuntimeOptions): Promise<Outcome<Runtime>> {
  let miniflare: Miniflare | undefined;
  try {
    const log = workerLog();
    miniflare = new Miniflare(runtimeConfig(options, log));
    await miniflare.ready;
    const migrated = await migrate(await miniflare.getD1Database("DB", HOME), join(options.root, "migrations"));
    log.open = true;
    if (migrated.ok) return done(runtimeOf(miniflare, options, log));
    await miniflare.dispose();
    return migrated;
  } catch (error) {
    await miniflare?.dispose().catch(() => {});
    return failed(`The Workers runtime did not start: ${reason(error)}`);
  }
}

function runtimeOf(miniflare: Miniflare, options: RuntimeOptions, log: WorkerLog): Runtime {
  return {
    origins: options.regions.map((_region, index) => `http://127.0.0.1:${options.port + index}`),
    async setSecrets(secrets) {
      try {
        await miniflare.setOptions(runtimeConfig({ ...options, secrets }, log));
        return done(null);
      } catch (error) {
        return failed(`The Workers runtime did not take the new secrets: ${reason(error)}`);
      }
    },
    async cleanUp() {
      await (await miniflare.getWorker(HOME)).scheduled({ cron: "17 3 * * *" });
    },
    stop: () => miniflare.dispose(),
  };
}

interface WorkerLog {
  /** Before the database is migrated, what the Workers miss in it is no news. */
  open: boolean;
  write(entry: { level: string; message: string }): void;
}

function workerLog(): WorkerLog {
  return {
    open: false,
    write({ level, message }) {
      if (this.open && (level === "error" || level === "warn")) process.stderr.write(`${message}\n`);
    },
  };
}

function runtimeConfig(options: RuntimeOptions, log: WorkerLog) {
  const workers = options.regions.map((region, index) => regionWorker(options, region, index));
  return convertV4MiniflareOptions({
    resourcePersistencePath: options.statePath,
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: (entry) => log.write(entry),
    workers: [...workers, consoleWorker(options.root)],
  });
}

function regionWorker(options: RuntimeOptions, region: string, index: number): V4WorkerOptions {
  return {
    name: index === 0 ? HOME : `${HOME}-${region}`,
    compatibilityDate: COMPATIBILITY_DATE,
    ...bundle(options.root),
    bindings: {
      REGION: region,
      REGIONS: options.regions.join(","),
      PICKET_KEY: options.key,
      PICKET_ADMIN_TOKEN: options.adminToken,
      PICKET_SECRETS: JSON.stringify(options.secrets),
    },
    d1Databases: { DB: DATABASE },
    durableObjects: { REGION_OBJECTS: { className: "RegionObject", scriptName: HOME, useSQLite: true } },
    serviceBindings: { ASSETS: CONSOLE },
    // A socket of its own: Miniflare's entry, which would otherwise stand in front, costs more than the gateway.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: options.port + index }],
  };
}

/**
 * The console's files, in a Worker of their own: with assets beside it, Miniflare would put a router in front of the
 * gateway, on the path of every request.
 */
function consoleWorker(root: string): V4WorkerOptions {
  return {
    name: CONSOLE,
    compatibilityDate: COMPATIBILITY_DATE,
    modules: true,
    script: "export default { fetch: () => new Response(null, { status: 404 }) }",
    assets: { directory: join(root, "dist", "console") },
  };
}

/** What `wrangler deploy --dry-run` wrote: the modules that a deployment would upload. */
function bundle(root: string) {
  const directory = join(root, "dist", "worker");
  const names = readdirSync(directory).filter((name) => name.endsWith(".wasm"));
  const wasm = names.map((name) => ({ type: "CompiledWasm" as const, path: join(directory, name) }));
  return { modulesRoot: directory, modules: [{ type: "ESModule" as const, path: join(directory, "index.js") }, ...wasm] };
}

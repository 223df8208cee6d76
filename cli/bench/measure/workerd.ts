import { readdirSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from "miniflare";
import { ownWorkerds } from "./process.ts";

/** A Worker in a workerd process of its own. */
export interface Workerd {
  /** Of the Worker's own socket: no entry Worker in front, no Node in the path. */
  url: string;
  pid: number;
  stop(): Promise<void>;
}

export interface WorkerdOptions {
  /** Folder that bundleWorker() filled. */
  folder: string;
  bindings?: Record<string, string>;
  /** Statement that lays out a database, which is then bound as DB. */
  schema?: string;
}

export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const worker: V4WorkerOptions = {
    name: "bench",
    compatibilityDate: "2026-10-01",
    ...modulesIn(options.folder),
    bindings: options.bindings ?? {},
    d1Databases: options.schema === undefined ? {} : { DB: "bench" },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  };
  const { value, pid } = await withNewWorkerd(async () => {
    const miniflare = new Miniflare(convertV4MiniflareOptions({ log: new Log(LogLevel.ERROR), workers: [worker] }));
    await miniflare.ready;
    return miniflare;
  });
  if (options.schema !== undefined) await (await value.getD1Database("DB")).prepare(options.schema).run();
  const url = await value.unsafeGetDirectURL("bench");
  return { url: url.origin, pid, stop: () => value.dispose() };
}

/** Calls what starts a workerd, and finds out which process that is. */
export async function withNewWorkerd<T>(start: () => Promise<T>): Promise<{ value: T; pid: number }> {
  const before = ownWorkerds();
  const value = await start();
  const [pid] = [...ownWorkerds()].filter((candidate) => !before.has(candidate));
  if (pid === undefined) throw new Error("no new workerd process was found under /proc");
  return { value, pid };
}

/** The bundle's one script, which comes first because it is the Worker itself, and the modules that it imports. */
function modulesIn(folder: string) {
  const paths = readdirSync(folder).map((name) => join(folder, name));
  const ofType = <Type extends string>(type: Type, extension: string) =>
    paths.filter((path) => path.endsWith(extension)).map((path) => ({ type, path }));
  return {
    modulesRoot: folder,
    modules: [...ofType("ESModule", ".js"), ...ofType("CompiledWasm", ".wasm"), ...ofType("Text", ".sql")],
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports.ts";
import { poll } from "./poll.ts";
import { descendants } from "./processes.ts";

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 15_000;

export interface Accounts {
  reported: number;
  stored: number;
  dropped: number;
  pending: number;
}

export interface Health {
  status: string;
  version: string;
  policy: { version: number; ageMs: number };
  telemetry: Accounts;
}

export interface StartRequest {
  args: readonly string[];
  regions?: number;
  env?: Record<string, string>;
  data?: string;
  port?: number;
  /** Through npm and in a process group of its own, as on a terminal. */
  npm?: boolean;
}

/** `npm start` as a user would run it, on ports and in a data directory of its own. */
export class Picket {
  readonly port: number;
  readonly data: string;
  readonly #regions: number;
  readonly #child: ChildProcess;
  #output = "";
  #ended: Promise<number>;

  private constructor(port: number, data: string, regions: number, child: ChildProcess) {
    this.port = port;
    this.data = data;
    this.#regions = regions;
    this.#child = child;
    child.stdout?.on("data", (chunk) => {
      this.#output += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      this.#output += chunk;
    });
    this.#ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128))));
  }

  /** Spawns without waiting for anything. */
  static async spawn({ args, regions = 1, env = {}, data, port, npm = false }: StartRequest): Promise<Picket> {
    const first = port ?? (await freePorts(regions));
    const directory = data ?? join(mkdtempSync(join(tmpdir(), "picket-e2e-")), "data");
    const options = ["--port", String(first), "--data", directory, ...args];
    const [command, ...before] = npm ? ["npm", "start", "--"] : [process.execPath, "cli/run.mjs", "start"];
    const child = spawn(command, [...before, ...options], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      detached: npm,
    });
    return new Picket(first, directory, regions, child);
  }

  /** Spawns and waits until it serves. */
  static async start(request: StartRequest): Promise<Picket> {
    const picket = await Picket.spawn(request);
    try {
      await picket.says(/Ctrl-C stops it\./, START_TIMEOUT_MS);
    } catch (error) {
      await picket.stop();
      throw error;
    }
    return picket;
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Base address of each region's listener. */
  get origins(): string[] {
    return Array.from({ length: this.#regions }, (_, index) => `http://127.0.0.1:${this.port + index}`);
  }

  get home(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The console's address with a one-time sign-in link, as it was printed. */
  get consoleLink(): string {
    const link = /Console {3}(\S+)/.exec(this.#output)?.[1];
    if (link === undefined) throw new Error(`no console link in:\n${this.#output}`);
    return link;
  }

  /** The process of the Workers runtime. */
  get workerd(): number {
    const found = descendants(this.pid).find((process) => process.name.startsWith("workerd"));
    if (found === undefined) throw new Error("no workerd was started");
    return found.pid;
  }

  async health(): Promise<Health> {
    return (await (await fetch(`${this.home}/_picket/health`)).json()) as Health;
  }

  /** Waits for a line of its output; fails at once when the process ends before. */
  async says(pattern: RegExp, timeoutMs: number): Promise<void> {
    await poll(`${pattern} in its output`, timeoutMs, () => {
      if (pattern.test(this.#output)) return true;
      if (this.#child.exitCode !== null) throw new Error(`ended with ${this.#child.exitCode}:\n${this.#output}`);
      return false;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output}`);
    });
  }

  /** Waits until it has ended by itself. */
  ended(): Promise<number> {
    return this.#ended;
  }

  /** Asks it to stop, as `kill` does. Gives its exit code. */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    const hung = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const code = await this.#ended;
    clearTimeout(hung);
    return code;
  }

  /** Deletes the data directory. */
  remove(): void {
    rmSync(join(this.data, ".."), { recursive: true, force: true });
  }
}

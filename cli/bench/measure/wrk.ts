import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CannotRun } from "./cannot-run.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("wrk.lua", import.meta.url));

export interface WrkReport {
  /** Answered in time. */
  requests: number;
  /** Put on the wire: those that were still under way at the end are here and not in `requests`. */
  sent: number;
  durationUs: number;
  p50Us: number;
  p99Us: number;
  /** Failed connections, reads and writes, and time-outs. */
  failures: number;
  /** Answers that are not 2xx or 3xx. */
  non2xx: number;
}

export interface WrkOptions {
  url: string;
  seconds: number;
  /** File with one token a line; requests take them in turn. */
  tokenFile: string;
  /** Path with %d for the token's number. */
  path: string;
}

export const CONNECTIONS = 32;

/** Full load from 32 connections of two threads (wrk, https://github.com/wg/wrk). */
export async function runWrk({ url, seconds, tokenFile, path }: WrkOptions): Promise<WrkReport> {
  const args = ["-t2", `-c${CONNECTIONS}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url];
  const env = { ...process.env, PICKET_BENCH_TOKENS: tokenFile, PICKET_BENCH_PATH: path };
  const { stdout } = await run("wrk", args, { env });
  const summary = stdout.split("\n").find((line) => line.startsWith("{"));
  if (summary === undefined) throw new Error(`wrk printed no summary:\n${stdout}`);
  return JSON.parse(summary) as WrkReport;
}

/** Throws CannotRun where there is no wrk. */
export async function requireWrk(): Promise<void> {
  try {
    await run("wrk", ["--version"]);
  } catch (error) {
    // wrk itself answers --version with exit code 1.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new CannotRun("it needs wrk, on Linux: apt-get install wrk");
    }
  }
}

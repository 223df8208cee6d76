// Child processes of the task runner: each is ended when the runner is, and none can stop to ask a question.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TimeLimit } from "./time-limit.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = join(root, "node_modules", ".bin");

const env = {
  ...process.env,
  PATH: bin + delimiter + process.env.PATH,
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  // Miniflare would otherwise fetch a sample of request.cf from the internet.
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

/** No check or build step takes so long, even on a slow machine. */
const STEP_LIMIT_MS = 600_000;

const children = new Set();

/** Hands SIGINT, SIGTERM and SIGHUP on to every child; each decides how to end, and the runner ends after them. */
export function forwardSignals() {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(signal));
  endWithNpm();
}

function end(signal) {
  if (children.size === 0) process.exit(128 + constants.signals[signal]);
  for (const child of children) child.kill(signal);
}

/**
 * npm runs a script in a shell. A signal to npm ends that shell, which passes nothing on: all that this process sees is that
 * it has another parent.
 */
function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    end("SIGTERM");
  }, 200);
  timer.unref();
}

function start(command, args, stdio, limitMs = null) {
  const child = spawn(command, args, { cwd: root, env, stdio, shell: process.platform === "win32" });
  children.add(child);
  const limit = limitMs === null ? null : new TimeLimit(child, limitMs);
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 127, signal: null, error }));
    child.once("close", (code, signal) => resolve({ code, signal, error: limit?.error() ?? null }));
  }).finally(() => {
    children.delete(child);
    limit?.clear();
  });
  return { child, ended };
}

function exitCode({ code, signal, error }) {
  if (error !== null) return code || 1;
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/**
 * Runs a step quietly; one that takes longer than `limitMs` is ended, and has failed.
 * @returns {Promise<{ code: number, output: string, seconds: number }>} its exit code and all that it printed
 */
export async function runStep(command, args, limitMs = STEP_LIMIT_MS) {
  const startedMs = performance.now();
  const { child, ended } = start(command, args, ["ignore", "pipe", "pipe"], limitMs);
  const chunks = [];
  child.stdout?.on("data", (chunk) => chunks.push(chunk));
  child.stderr?.on("data", (chunk) => chunks.push(chunk));
  const end = await ended;
  const printed = Buffer.concat(chunks).toString();
  const output = end.error === null ? printed : `${printed}${command}: ${end.error.message}`;
  // A step that was interrupted has not failed: the whole run ends as interrupted.
  if (end.signal !== null && end.error === null) process.exit(exitCode(end));
  return { code: exitCode(end), output, seconds: (performance.now() - startedMs) / 1000 };
}

/** Runs a command on the terminal with stdin closed. Returns its exit code; one that takes longer than `limitMs` is ended. */
export async function runVisible(command, args, limitMs) {
  const end = await start(command, args, ["ignore", "inherit", "inherit"], limitMs).ended;
  if (end.error !== null) process.stderr.write(`picket: ${command}: ${end.error.message}\n`);
  return exitCode(end);
}

/**
 * Gives the terminal to a TypeScript program on Node 24 and ends with its exit code. The channel lets the program notice
 * that this process was killed, so that it does not outlive it.
 */
export async function handOver(file, args) {
  const flags = ["--disable-warning=ExperimentalWarning", file, ...args];
  const { ended } = start(join(bin, "node"), flags, ["inherit", "inherit", "inherit", "ipc"]);
  process.exit(exitCode(await ended));
}

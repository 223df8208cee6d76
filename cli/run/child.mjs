// Child processes of the task runner: each is ended when the runner is, and none can stop to ask a question.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

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

function start(command, args, stdio) {
  const child = spawn(command, args, { cwd: root, env, stdio, shell: process.platform === "win32" });
  children.add(child);
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 127, signal: null, error }));
    child.once("close", (code, signal) => resolve({ code, signal, error: null }));
  }).finally(() => children.delete(child));
  return { child, ended };
}

function exitCode({ code, signal }) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/**
 * Runs a step quietly.
 * @returns {Promise<{ code: number, output: string, seconds: number }>} its exit code and all that it printed
 */
export async function runStep(command, args) {
  const startedMs = performance.now();
  const { child, ended } = start(command, args, ["ignore", "pipe", "pipe"]);
  const chunks = [];
  child.stdout?.on("data", (chunk) => chunks.push(chunk));
  child.stderr?.on("data", (chunk) => chunks.push(chunk));
  const end = await ended;
  const output = end.error === null ? Buffer.concat(chunks).toString() : `${command}: ${end.error.message}`;
  // A step that was interrupted has not failed: the whole run ends as interrupted.
  if (end.signal !== null) process.exit(exitCode(end));
  return { code: exitCode(end), output, seconds: (performance.now() - startedMs) / 1000 };
}

/** Runs a command on the terminal with stdin closed. Returns its exit code. */
export async function runVisible(command, args) {
  return exitCode(await start(command, args, ["ignore", "inherit", "inherit"]).ended);
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

// The three build steps. Each is skipped while its inputs are what they were when it last succeeded.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runStep } from "./child.mjs";

const core = {
  name: "core",
  says: "core (AssemblyScript → WebAssembly)",
  inputs: ["wasm/abi.ts", "wasm/asconfig.json", "wasm/core", "package-lock.json"],
  output: "wasm/build/core.wasm",
  command: ["asc", "--config", "wasm/asconfig.json", "--target", "release"],
};

const dashboard = {
  name: "console",
  says: "console (Svelte)",
  inputs: ["dashboard", "package-lock.json"],
  output: "dist/console",
  command: ["vite", "build", "--config", "dashboard/vite.config.ts", "--logLevel", "warn"],
};

// The bundle that a deployment uploads is the bundle that runs locally.
const worker = {
  name: "worker",
  says: "Worker bundle",
  inputs: ["worker", "wasm/abi.ts", "wasm/build/core.wasm", "wrangler.toml", "package-lock.json"],
  output: "dist/worker/index.js",
  // Modules are named by their hash: the last build's would stay beside this one's.
  clean: "dist/worker",
  command: ["wrangler", "deploy", "--dry-run", "--outdir", "dist/worker"],
};

function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Names, sizes and times of the inputs: reading their contents would cost more than it could save here. */
function fingerprint({ inputs, command }) {
  const hash = createHash("sha256").update(command.join(" "));
  for (const file of inputs.flatMap((input) => filesUnder(join(root, input))).sort()) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file}\n${size}\n${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function stampPath(step) {
  return join(root, "dist", `${step.name}.stamp`);
}

function current(step) {
  const stamp = stampPath(step);
  return existsSync(stamp) && existsSync(join(root, step.output)) && readFileSync(stamp, "utf8") === fingerprint(step);
}

/** @returns whether the step's output is current now */
async function buildStep(step) {
  if (current(step)) return true;
  rmSync(stampPath(step), { force: true });
  // Taken before the step runs, so that an edit made meanwhile is built next time.
  const before = fingerprint(step);
  if (step.clean !== undefined) rmSync(join(root, step.clean), { recursive: true, force: true });
  const [command, ...args] = step.command;
  const { code, output, seconds } = await runStep(command, args);
  if (code !== 0) {
    process.stderr.write(`${output}\npicket: building the ${step.says} failed.\n`);
    return false;
  }
  writeFileSync(stampPath(step), before);
  process.stdout.write(`picket: built the ${step.says} in ${seconds.toFixed(1)} s\n`);
  return true;
}

export async function build() {
  // wrangler wants the assets directory to exist, even before the console is in it.
  mkdirSync(join(root, "dist", "console"), { recursive: true });
  const parts = await Promise.all([buildStep(core), buildStep(dashboard)]);
  if (!parts.every(Boolean) || !(await buildStep(worker))) process.exit(1);
}

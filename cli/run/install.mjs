// Installs what the lock file asks for, when node_modules holds something else.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runStep } from "./child.mjs";

/** A slow network is no reason to give up. */
const LIMIT_MS = 1_800_000;

function packages(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8")).packages;
}

/** npm writes what it installed to node_modules/.package-lock.json; packages for other platforms are optional there. */
function installed() {
  try {
    const have = packages("node_modules/.package-lock.json");
    return Object.entries(packages("package-lock.json")).every(
      ([path, { version, optional }]) => path === "" || optional || have[path]?.version === version,
    );
  } catch {
    return false;
  }
}

export async function install() {
  if (installed()) return;
  process.stdout.write("picket: installing packages (npm ci), about half a minute …\n");
  const { code, output, seconds } = await runStep("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], LIMIT_MS);
  if (code !== 0) {
    process.stderr.write(`${output}\npicket: npm ci failed; it needs the npm registry and a writable node_modules.\n`);
    process.exit(1);
  }
  process.stdout.write(`picket: installed in ${seconds.toFixed(1)} s\n`);
}

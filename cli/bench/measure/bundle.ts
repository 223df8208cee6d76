import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The bundle that `npm run build` made of Picket's Worker. */
export const picketBundle = join(root, "dist/worker");
export const coreFile = join(root, "wasm/build/core.wasm");
export const consoleFolder = join(root, "dist/console");

/**
 * Bundles cli/bench/workers/NAME.ts as a deployment would, with the same wrangler as Picket's own Worker.
 *
 * @returns the folder with NAME.js and the modules that it imports
 */
export async function bundleWorker(name: string): Promise<string> {
  const folder = join(root, "dist/bench", name);
  const args = ["deploy", `cli/bench/workers/${name}.ts`, "--dry-run", "--config", "cli/bench/workers/wrangler.toml"];
  await run(join(root, "node_modules/.bin/wrangler"), [...args, "--outdir", folder], { cwd: root });
  return folder;
}

// `npm test`: every check and every test, then one line with the totals.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, runStep, runVisible } from "./child.mjs";

const results = join("dist", "test-results.json");
/** The last guard of a run without end; test/stall-reporter.ts is the first, and knows names. */
const LIMIT_MS = 1_800_000;

/** `wrangler deploy --dry-run` for each [env.NAME] of wrangler.toml, and for the part without a name. */
function deployments() {
  const toml = readFileSync(join(root, "wrangler.toml"), "utf8");
  const names = [...toml.matchAll(/^\[env\.([\w-]+)\]/gm)].map((match) => match[1]);
  return ["", ...names].map((name) => ({
    says: `wrangler deploy --dry-run --env "${name}"`,
    command: ["wrangler", "deploy", "--dry-run", "--outdir", "dist/dry-run", "--env", name],
  }));
}

const checks = [
  { says: "biome ci", command: ["biome", "ci", "--error-on-warnings", "--colors=off"] },
  { says: "tsc (worker)", command: ["tsc", "-p", "tsconfig.json"] },
  { says: "tsc (command line)", command: ["tsc", "-p", "cli/tsconfig.json"] },
  {
    says: "svelte-check",
    command: ["svelte-check", "--tsconfig", "dashboard/tsconfig.json", "--fail-on-warnings", "--output", "human"],
  },
];

async function runChecks() {
  const totals = { passed: 0, failed: 0 };
  for (const { says, command } of [...checks, ...deployments()]) {
    const { code, output, seconds } = await runStep(command[0], command.slice(1));
    if (code !== 0) process.stdout.write(`${output}\n`);
    process.stdout.write(`${code === 0 ? "ok  " : "FAIL"}  ${says}  ${seconds.toFixed(1)} s\n`);
    totals[code === 0 ? "passed" : "failed"] += 1;
  }
  return totals;
}

/** Totals of the run; a run without a report (it crashed, or was given a bad option) counts as one failure. */
function vitestTotals(code) {
  try {
    const report = JSON.parse(readFileSync(join(root, results), "utf8"));
    const failed = report.numFailedTests + report.testResults.filter((file) => file.assertionResults.length === 0).length;
    return { passed: report.numPassedTests, failed: Math.max(failed, code === 0 ? 0 : 1), skipped: report.numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Runs everything, whatever fails on the way. Returns the exit code. */
export async function test(args) {
  mkdirSync(join(root, "dist"), { recursive: true });
  rmSync(join(root, results), { force: true });
  const checked = await runChecks();
  const reporters = ["default", "json", "./test/stall-reporter.ts"].map((name) => `--reporter=${name}`);
  const options = ["--config", "test/vitest.config.ts", "--root", ".", ...reporters, `--outputFile.json=${results}`];
  const code = await runVisible("vitest", ["run", ...options, ...args], LIMIT_MS);
  const tested = vitestTotals(code);
  const failed = checked.failed + tested.failed;
  if (tested.skipped > 0) process.stdout.write(`${tested.skipped} skipped\n`);
  process.stdout.write(`${checked.passed + tested.passed} passed, ${failed} failed\n`);
  return failed === 0 && code === 0 ? 0 : 1;
}

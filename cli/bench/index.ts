// npm run bench: runs every benchmark, or those named, and prints a table for each.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { cached } from "./cached.ts";
import { flood } from "./flood.ts";
import { gateway } from "./gateway.ts";
import { gcra } from "./gcra.ts";
import { CannotRun } from "./measure/cannot-run.ts";
import { machineFacts } from "./measure/machine.ts";
import { machineText, resultText } from "./measure/print.ts";
import type { Benchmark, Result } from "./measure/result.ts";
import { repeats } from "./repeats.ts";
import { revocation } from "./revocation.ts";
import { route } from "./route.ts";
import { sha256 } from "./sha256.ts";
import { size } from "./size.ts";
import { soak } from "./soak.ts";
import { timing } from "./timing.ts";
import { verify } from "./verify.ts";

const benchmarks: Benchmark[] = [size, verify, cached, repeats, timing, sha256, gcra, route, gateway, flood, revocation, soak];
const usage = `npm run bench -- [--only NAME[,NAME]] [--quick] [--json FILE]   names: ${benchmarks.map((b) => b.name).join(", ")}`;

interface Choice {
  chosen: Benchmark[];
  quick: boolean;
  json: string | null;
}

function choose(args: string[]): Choice | null {
  try {
    const options = { only: { type: "string" }, quick: { type: "boolean" }, json: { type: "string" } } as const;
    const { values } = parseArgs({ args, options });
    const names = values.only?.split(",") ?? benchmarks.map((benchmark) => benchmark.name);
    const chosen = benchmarks.filter((benchmark) => names.includes(benchmark.name));
    return chosen.length === names.length ? { chosen, quick: values.quick ?? false, json: values.json ?? null } : null;
  } catch {
    return null;
  }
}

async function main(): Promise<number> {
  const choice = choose(process.argv.slice(2));
  if (choice === null) {
    process.stderr.write(`picket: ${usage}\n`);
    return 2;
  }
  const machine = machineFacts();
  process.stdout.write(`${machineText(machine)}\n`);
  if (choice.quick) process.stdout.write("Quick run: rounds are too short to be quoted.\n");
  const results: Result[] = [];
  let notRun = 0;
  for (const benchmark of choice.chosen) {
    try {
      const result = await benchmark.run({ quick: choice.quick });
      results.push(result);
      process.stdout.write(`\n${resultText(result)}\n`);
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      notRun++;
      process.stdout.write(`\n${benchmark.name}: not run: ${error.message}\n`);
    }
  }
  if (choice.json !== null) writeFileSync(choice.json, `${JSON.stringify({ machine, quick: choice.quick, results }, null, 2)}\n`);
  const goals = results.flatMap((result) => result.goals);
  const met = goals.filter((goal) => goal.met).length;
  process.stdout.write(`\n${met} of ${goals.length} goals met${notRun > 0 ? `, ${notRun} benchmarks not run` : ""}.\n`);
  return notRun > 0 ? 1 : 0;
}

process.exitCode = await main();

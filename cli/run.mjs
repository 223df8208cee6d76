// Entry of every npm script, on any Node ≥ 20 and with nothing installed: installs the locked dependencies, Node 24 among
// them, builds what has changed, and hands over.
import { build } from "./run/build.mjs";
import { forwardSignals, handOver } from "./run/child.mjs";
import { install } from "./run/install.mjs";
import { test } from "./run/test.mjs";

const tasks = {
  start: (args) => handOver("cli/start/main.ts", args),
  test: async (args) => process.exit(await test(args)),
  bench: (args) => handOver("cli/bench/index.ts", args),
  fuzz: (args) => handOver("cli/fuzz.ts", args),
  vectors: (args) => handOver("cli/vectors.ts", args),
  schema: (args) => handOver("cli/picket.mjs", ["schema", ...args]),
  build: async () => {},
};

// Only what is asked for is built: printing a schema needs no Worker.
const unbuilt = new Set(["schema"]);

const [task = "", ...args] = process.argv.slice(2);
const run = Object.hasOwn(tasks, task) ? tasks[task] : undefined;
if (run === undefined) {
  process.stderr.write(`picket: unknown task "${task}"; there are ${Object.keys(tasks).join(", ")}.\n`);
  process.exit(2);
}
forwardSignals();
await install();
if (!unbuilt.has(task)) await build();
await run(args);

// The exhaustive differential of the core's CWT verification against cborg and node:crypto; npm test runs a bounded share of it.
import { parseArgs } from "node:util";
import { compareWithCborg } from "../test/core/cwt-differential.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);

const { accepted, signed, refused, excepted, unexplained } = await compareWithCborg(count, Number(values.seed), (done) =>
  process.stdout.write(`CWTs: ${done} of ${count}\n`),
);
process.stdout.write(
  `CWTs: ${accepted} accepted (${signed} by a signature), ${refused} refused, ${unexplained.length} unexplained disagreements with cborg and node:crypto\n`,
);
for (const [why, times] of excepted) process.stdout.write(`  ${times} × stricter: ${why}\n`);
for (const one of unexplained.slice(0, 10)) process.stdout.write(`  ${JSON.stringify(one)}\n`);
process.exit(unexplained.length === 0 ? 0 : 1);

// The exhaustive differential of token verification, core and WebCrypto, against jose; npm test runs a bounded share of it.
import { parseArgs } from "node:util";
import { compareWithJose } from "../test/core/token-differential.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);

const { accepted, refused, excepted, unexplained, verifications, policy, ...found } = await compareWithJose(
  count,
  Number(values.seed),
  (done) => process.stdout.write(`tokens: ${done} of ${count}\n`),
);
process.stdout.write(
  `tokens: ${accepted} accepted, ${refused} refused, ${unexplained.length} unexplained disagreements with jose\n`,
);
for (const [algorithm, { tokens, accepted }] of found.algorithms) {
  process.stdout.write(`  ${algorithm}: ${tokens} tokens, ${accepted} accepted\n`);
}
process.stdout.write(`  ${verifications} signatures went through WebCrypto\n`);
for (const [why, times] of excepted) process.stdout.write(`  ${times} × stricter than jose: ${why}\n`);
for (const one of unexplained.slice(0, 10)) process.stdout.write(`  ${JSON.stringify(one)}\n`);
if (unexplained.length > 0) process.stdout.write(policy);
process.exit(unexplained.length === 0 ? 0 : 1);

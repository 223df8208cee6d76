// `npm run vectors`: judges the published vectors and the named attacks, and prints how many of each; npm test holds them.
import { compileText } from "../test/core/core-fixture.ts";
import { NodeGateway } from "../test/core/node-gateway.ts";
import { absenceText, judgeSuite, type Suite, type Tally } from "../test/core/vectors/suite.ts";
import { suites } from "../test/core/vectors/suites.ts";
import { attackedPolicy, attacks, newWorld } from "../test/worker/jwt-attack-list.ts";
import * as abi from "../wasm/abi.ts";

function lineOf({ name, by }: Suite, { valid, invalid, accepted, refused, otherwise, wrong }: Tally): string {
  const exceptions = [...otherwise.values()].flat().length;
  const otherwiseText = exceptions > 0 ? `, ${exceptions} otherwise with a reason` : "";
  const verdict = `${accepted} of ${valid} valid accepted, ${refused} of ${invalid} invalid refused`;
  return `${wrong.length === 0 ? "ok  " : "FAIL"}  ${name}, by ${by}: ${verdict}${otherwiseText}\n`;
}

/** @returns whether every vector was judged as it should be */
async function judged(suite: Suite): Promise<boolean> {
  const tally = await judgeSuite(suite);
  process.stdout.write(tally === null ? `–     ${absenceText(suite)}` : lineOf(suite, tally));
  for (const [reason, ids] of tally?.otherwise ?? []) process.stdout.write(`        ${ids.length} × ${reason}\n`);
  for (const wrong of tally?.wrong ?? []) process.stdout.write(`        wrong: ${wrong}\n`);
  return tally === null || tally.wrong.length === 0;
}

async function attacksRefused(): Promise<boolean> {
  const world = await newWorld("a-shared-secret-of-32-bytes-or-more");
  const gateway = new NodeGateway(await compileText(attackedPolicy(world), 1, () => world.secret));
  const accepted: string[] = [];
  for (const [name, attack] of attacks) {
    const reason = await gateway.judge(`Bearer ${await attack(world)}`, "192.0.2.1", "/x", Date.now());
    if (reason === abi.REASON_NONE) accepted.push(name);
  }
  process.stdout.write(
    `${accepted.length === 0 ? "ok  " : "FAIL"}  named attacks on JWTs: ${attacks.length - accepted.length} of ${attacks.length} refused\n`,
  );
  for (const name of accepted) process.stdout.write(`        accepted: ${name}\n`);
  return accepted.length === 0;
}

let failed = 0;
for (const suite of suites) if (!(await judged(suite))) failed++;
if (!(await attacksRefused())) failed++;
process.exit(failed === 0 ? 0 : 1);

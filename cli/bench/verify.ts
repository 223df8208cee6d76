import { compileBenchPolicy } from "./fixtures/compile-policy.ts";
import { audience, deviceTokens, issuer, secret } from "./fixtures/tokens.ts";
import { bundleWorker } from "./measure/bundle.ts";
import { atLeast, atMost, type Benchmark, type Result, type Row, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds, type Rounds } from "./measure/rounds.ts";
import { startWorkerd } from "./measure/workerd.ts";
import type { Setup } from "./workers/core-loops.ts";

/** Distinct callers, each with a token of its own, that every loop goes through in turn: no contender sees a token twice in a row. */
const CALLERS = 1024;

const names = ["core", "jose", "hono/jwt", "subtle.verify", "decide", "decide+settle", "decide known"] as const;
type Name = (typeof names)[number];

const labels: Record<Name, string> = {
  core: "core: verify",
  jose: "jose: jwtVerify",
  "hono/jwt": "hono/jwt: verify",
  "subtle.verify": "crypto.subtle.verify, no parsing",
  decide: "core: whole decide",
  "decide+settle": "core: whole decide and settle",
  "decide known": "core: whole decide, the token known",
};

export const verify: Benchmark = { name: "verify", run };

async function run({ quick }: RunOptions): Promise<Result> {
  const workerd = await startWorkerd({ folder: await bundleWorker("core-loops") });
  try {
    await setUp(workerd.url);
    return report(await measure(workerd.url, quick ? 50 : 250, quick ? 3 : 11));
  } finally {
    await workerd.stop();
  }
}

async function setUp(url: string): Promise<void> {
  const { image } = await compileBenchPolicy();
  const tokens = deviceTokens(CALLERS, Date.now());
  const setup: Setup = { issuer, audience, secret, tokens, image: Buffer.from(image).toString("base64") };
  const response = await fetch(url, { method: "POST", body: JSON.stringify(setup) });
  if (!response.ok) throw new Error(`the Worker could not be set up: ${await response.text()}`);
}

/** µs per operation of each loop. */
async function measure(url: string, requestMs: number, rounds: number): Promise<Rounds<Name>> {
  const contenders = {} as Record<Name, () => Promise<number>>;
  for (const name of names) {
    const operations = await operationsFor(url, name, requestMs);
    contenders[name] = async () => {
      const elapsedMs = (await timedLoop(url, name, operations)) - (await timedLoop(url, "nothing", operations));
      return (elapsedMs * 1000) / operations;
    };
  }
  return pairedRounds(rounds, contenders);
}

/** So many that one request takes at least `requestMs`: its own cost, a fraction of a millisecond, then hardly shows. */
async function operationsFor(url: string, name: Name, requestMs: number): Promise<number> {
  for (let operations = 1000; ; operations *= 2) {
    if ((await timedLoop(url, name, operations)) >= requestMs) return operations;
  }
}

/** ms that the client waited for a request of n operations, all of which must have been accepted. */
async function timedLoop(url: string, loop: string, n: number): Promise<number> {
  const query = new URLSearchParams({ loop, n: String(n) });
  const startMs = performance.now();
  const response = await fetch(`${url}/?${query}`);
  const answer = await response.text();
  const elapsedMs = performance.now() - startMs;
  if (Number(answer) !== n) throw new Error(`${loop} accepted ${answer} of ${n} operations`);
  return elapsedMs;
}

function report(us: Rounds<Name>): Result {
  const rows: Row[] = names.map((name) => ({
    name: labels[name],
    measures: { "µs/operation": spreadOf(us[name]), "× core verify": pairedRatio(us[name], us.core) },
  }));
  const ratio = (name: Name) => pairedRatio(us[name], us.core).median;
  return {
    name: "verify",
    title: "one 299-byte HS256 token inside workerd",
    rows,
    goals: [
      atLeast("jose ÷ core verify", ratio("jose"), 12),
      atLeast("hono/jwt ÷ core verify", ratio("hono/jwt"), 12),
      atLeast("subtle.verify ÷ core verify", ratio("subtle.verify"), 2.2),
      atMost("whole decide ÷ core verify", ratio("decide"), 1.4),
    ],
    notes: [
      "Timed by the client over loops of ≥ 50 ms in one request, an empty loop's request taken off; medians of interleaved rounds (min–max).",
      "core, jose and hono/jwt check signature, algorithm, issuer, audience, exp and nbf, with the key imported once; the core's figure includes",
      "encodeInto of the Authorization value, as in the gateway. subtle.verify gets bytes that were decoded before the loop.",
      `decide writes method, path, address, network and credential, then matches the route, verifies, charges two limits, counts (by caller too) and samples,`,
      `for ${CALLERS} callers in turn, each with a token, address and path of its own; a report's epoch is closed every 4096 requests.`,
      "A token counts as new each time, as the first request of a caller has it; where it is known, what was judged of it before is used.",
    ],
  };
}

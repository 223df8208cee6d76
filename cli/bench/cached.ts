import { knownTokens } from "./fixtures/known-tokens.ts";
import { audience, issuer } from "./fixtures/tokens.ts";
import { bundleWorker } from "./measure/bundle.ts";
import { atLeast, atMost, type Benchmark, type Result, type Row, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds, type Rounds } from "./measure/rounds.ts";
import { startWorkerd } from "./measure/workerd.ts";
import type { CachedSetup } from "./workers/cached-loops.ts";

const CALLERS = 1024;
/** Tokens that are not known, for loops of a hundred times as many checks. */
const FRESH = 2048;

const names = ["ES256", "HS256", "CWT", "repeats", "jose"] as const;
type Name = (typeof names)[number];

const labels: Record<Name, string> = {
  ES256: "core: an ES256 token that is known",
  HS256: "core: an HS256 token that is known",
  CWT: "core: a CWT that is known",
  repeats: "core and WebCrypto: ES256, 99 % of the tokens known",
  jose: "jose: jwtVerify, ES256",
};

export const cached: Benchmark = { name: "cached", run };

async function run({ quick }: RunOptions): Promise<Result> {
  const workerd = await startWorkerd({ folder: await bundleWorker("cached-loops") });
  try {
    const { image, jwk, kinds, fresh } = await knownTokens(CALLERS, FRESH, Date.now());
    const setup: CachedSetup = {
      image: Buffer.from(image).toString("base64"),
      jwk: jwk as CachedSetup["jwk"],
      issuer,
      audience,
      kinds,
      fresh,
    };
    const response = await fetch(workerd.url, { method: "POST", body: JSON.stringify(setup) });
    if (!response.ok) throw new Error(`the Worker could not be set up: ${await response.text()}`);
    return report(await measure(workerd.url, quick ? 5 : 1, quick ? 3 : 11), lengthsOf(kinds));
  } finally {
    await workerd.stop();
  }
}

/** µs per check of each loop. Their lengths take about as long as each other: 100 to 250 ms. */
function measure(url: string, shorter: number, rounds: number): Promise<Rounds<Name>> {
  const known = 200_000 / shorter;
  const checks: Record<Name, number> = { ES256: known, HS256: known, CWT: known, repeats: known / 2, jose: known / 100 };
  const contenders = {} as Record<Name, () => Promise<number>>;
  for (const name of names) {
    const n = checks[name];
    contenders[name] = async () => (((await timedLoop(url, name, n)) - (await timedLoop(url, "nothing", n))) * 1000) / n;
  }
  return pairedRounds(rounds, contenders);
}

/** ms that the client waited for a request of n checks, all of which must have been accepted. */
async function timedLoop(url: string, loop: string, n: number): Promise<number> {
  const startMs = performance.now();
  const answer = await (await fetch(`${url}/?loop=${loop}&n=${n}`)).text();
  const elapsedMs = performance.now() - startMs;
  if (Number(answer) !== n) throw new Error(`${loop} accepted ${answer} of ${n} checks`);
  return elapsedMs;
}

/** "ES256 357 bytes, …" */
function lengthsOf(kinds: CachedSetup["kinds"]): string {
  return Object.entries(kinds)
    .map(([kind, { tokens }]) => `${kind} ${tokens[0]?.length} bytes`)
    .join(", ");
}

function report(us: Rounds<Name>, lengths: string): Result {
  const rows: Row[] = names.map((name) => ({
    name: labels[name],
    measures: { "µs/check": spreadOf(us[name]), "× jose": pairedRatio(us.jose, us[name]) },
  }));
  return {
    name: "cached",
    title: `who calls, by a token inside workerd: ${lengths}`,
    rows,
    goals: [
      atMost("a known ES256 token, µs", spreadOf(us.ES256).median, 0.5),
      atMost("a known HS256 token, µs", spreadOf(us.HS256).median, 0.5),
      atMost("a known CWT, µs", spreadOf(us.CWT).median, 0.5),
      atLeast("jose ÷ 99 % repeats", pairedRatio(us.jose, us.repeats).median, 60),
    ],
    notes: [
      `${CALLERS} callers in turn, each with a token of its own; encodeInto of the Authorization value included. A known token's signature, claims`,
      "and roles were judged before; its whole text is hashed, and its times and the revocations are held to the clock each time.",
      "99 % repeats: every hundredth token is new, goes through crypto.subtle.verify and is remembered.",
    ],
  };
}

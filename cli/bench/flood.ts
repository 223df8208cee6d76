import { setTimeout as delay } from "node:timers/promises";
import { floodPolicyText, verifications } from "./fixtures/flood-policy.ts";
import { knownTokens } from "./fixtures/known-tokens.ts";
import { type JunkClient, startJunkClient } from "./fixtures/start-junk.ts";
import { startPicket } from "./fixtures/start-picket.ts";
import { startUpstream } from "./fixtures/start-upstream.ts";
import { deviceName, deviceTokens } from "./fixtures/tokens.ts";
import { bundleWorker } from "./measure/bundle.ts";
import { waitUntilIdle } from "./measure/idle.ts";
import { type Call, openLoop } from "./measure/open-loop.ts";
import { cpuTimeUs } from "./measure/process.ts";
import { atLeast, atMost, type Benchmark, type Result, type Row, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds, type Rounds } from "./measure/rounds.ts";
import { startWorkerd } from "./measure/workerd.ts";

const CALLERS = 256;
const HONEST_PER_SECOND = 200;
const GOAL_PER_SECOND = 20_000;
const CONNECTIONS = 64;
const DRAIN_TIMEOUT_MS = 60_000;

/** Junk a second that is tried. */
const rates = [0, 1_000, GOAL_PER_SECOND] as const;
const gateways = { picket: "Picket", bare: "a Worker that refuses junk by its path" } as const;
type Gateway = keyof typeof gateways;
type Name = `${Gateway} ${(typeof rates)[number]}`;
const nameOf = (gateway: Gateway, rate: (typeof rates)[number]): Name => `${gateway} ${rate}`;

interface Figures {
  p50Ms: number;
  p99Ms: number;
  junkPerSecond: number;
  verified: number;
  /** The most that the limit lets one address have verified in the time. */
  allowed: number;
  /** Of the Worker's process, for a junk request; calm's share for the honest ones is taken off later. */
  cpuUs: number;
  seconds: number;
}

/** What is flooded, and by whom. */
interface Stage {
  pid: number;
  port: number;
  junkPath: string;
  junk: JunkClient;
  signingInput: string;
  calls: Call[];
}

export const flood: Benchmark = { name: "flood", run };

/** Honest callers while one address floods the gateway with tokens that each ask for a signature to be verified. */
async function run({ quick }: RunOptions): Promise<Result> {
  const upstream = await startUpstream();
  const stops: (() => unknown)[] = [upstream.stop];
  try {
    const { jwk, kinds } = await knownTokens(CALLERS + 1, 0, Date.now());
    const { tokens } = kinds.ES256;
    const picket = await startPicket(upstream.url, undefined, floodPolicyText(upstream.url, jwk));
    stops.push(picket.forget, picket.stop);
    const bare = await startWorkerd({ folder: await bundleWorker("refusing"), bindings: { UPSTREAM: upstream.url } });
    stops.push(bare.stop);
    const junk = startJunkClient();
    stops.push(junk.end);
    const junkToken = tokens.pop() ?? "";
    const signingInput = junkToken.slice(0, junkToken.lastIndexOf("."));
    const calls = honestCalls([...deviceTokens(CALLERS, Date.now()), ...tokens]);
    const stageOf = ({ url, pid }: { url: string; pid: number }, junkPath: string): Stage => {
      return { pid, port: Number(new URL(url).port), junkPath, junk, signingInput, calls };
    };
    const stages = { picket: stageOf(picket, "/fleet/devices/x"), bare: stageOf(bare, "/junk") };
    const contenders = {} as Record<Name, () => Promise<Figures>>;
    for (const gateway of Object.keys(gateways) as Gateway[]) {
      for (const rate of rates) contenders[nameOf(gateway, rate)] = () => round(stages[gateway], rate, quick ? 2 : 6);
    }
    return report(await pairedRounds(quick ? 2 : 5, contenders), quick ? 2 : 6);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** HS256 and ES256 in turn, each caller from an address of its own. */
function honestCalls(tokens: readonly string[]): Call[] {
  const count = tokens.length;
  return tokens.map((_, i) => {
    const caller = (i % 2) * CALLERS + (i >> 1);
    const headers = {
      "cf-connecting-ip": `10.0.${caller >> 8}.${caller & 255}`,
      authorization: `Bearer ${tokens[caller % count]}`,
    };
    return { path: `/fleet/devices/${deviceName(caller % CALLERS)}`, headers };
  });
}

async function round(stage: Stage, perSecond: number, seconds: number): Promise<Figures> {
  const { pid, port, junk, calls, signingInput } = stage;
  const cpuBeforeUs = cpuTimeUs(pid);
  const order = { port, perSecond, connections: CONNECTIONS, address: "203.0.113.9", path: stage.junkPath, signingInput };
  if (perSecond > 0) await junk.start(order);
  if (perSecond > 0) await delay(500);
  const { latenciesMs, failures } = await openLoop(port, HONEST_PER_SECOND, seconds, (i) => calls[i % calls.length] as Call);
  const flooded = perSecond > 0 ? await junk.stop() : { seconds, sent: 0, statuses: {} };
  const cpuUs = cpuTimeUs(pid) - cpuBeforeUs;
  if (failures > 0) throw new Error(`${failures} honest calls were refused or failed`);
  const { 401: verified = 0, 429: limited = 0, ...others } = flooded.statuses;
  if (Object.keys(others).length > 0) throw new Error(`junk was answered with ${JSON.stringify(flooded.statuses)}`);
  if (!(await waitUntilIdle(pid, DRAIN_TIMEOUT_MS))) throw new Error("still busy a minute after its round");
  const sorted = latenciesMs.sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN;
  return {
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    junkPerSecond: (verified + limited) / flooded.seconds,
    verified,
    allowed: verifications.burst + verifications.perSecond * flooded.seconds,
    cpuUs,
    seconds: flooded.seconds,
  };
}

function report(rounds: Rounds<Name, Figures>, seconds: number): Result {
  const figures = (name: Name, key: keyof Figures) => rounds[name].map((one) => one[key]);
  const p99Ratio = (gateway: Gateway, rate: (typeof rates)[number]) =>
    pairedRatio(figures(nameOf(gateway, rate), "p99Ms"), figures(nameOf(gateway, 0), "p99Ms"));
  const rowOf = (gateway: Gateway, rate: (typeof rates)[number]): Row => {
    const name = nameOf(gateway, rate);
    const calm = rounds[nameOf(gateway, 0)];
    return {
      name: `${gateways[gateway]}, ${rate === 0 ? "calm" : `${rate} junk/s tried`}`,
      measures: {
        "junk/s answered": spreadOf(figures(name, "junkPerSecond")),
        "honest p50 ms": spreadOf(figures(name, "p50Ms")),
        "honest p99 ms": spreadOf(figures(name, "p99Ms")),
        "p99 ÷ calm": p99Ratio(gateway, rate),
        "junk verified/s": spreadOf(rounds[name].map(({ verified, seconds: elapsed }) => verified / elapsed)),
        "CPU µs/junk": rate === 0 ? null : spreadOf(rounds[name].map((one, i) => cpuPerJunkUs(one, calm[i]))),
      },
    };
  };
  const flooded = rates.flatMap((rate) => (rate === 0 ? [] : rounds[nameOf("picket", rate)]));
  return {
    name: "flood",
    title: `junk ES256 tokens from one address beside ${HONEST_PER_SECOND} honest requests/s from ${2 * CALLERS} others`,
    rows: (Object.keys(gateways) as Gateway[]).flatMap((gateway) => rates.map((rate) => rowOf(gateway, rate))),
    goals: [
      atMost("honest p99 at 1 000 junk/s ÷ calm", p99Ratio("picket", 1_000).median, 1.5),
      atMost("honest p99 at 20 000 junk/s tried ÷ calm", p99Ratio("picket", GOAL_PER_SECOND).median, 1.5),
      atLeast("junk/s answered", spreadOf(figures(nameOf("picket", GOAL_PER_SECOND), "junkPerSecond")).median, GOAL_PER_SECOND),
      atMost("signatures verified ÷ what the address may have", Math.max(...flooded.map((one) => one.verified / one.allowed)), 1),
    ],
    notes: [
      `Honest: half HS256, half ES256 that are known; sent at a fixed rate whatever the answers do, timed from when each was due; ${seconds} s a round.`,
      `Junk: good claims, no two signatures alike, ${CONNECTIONS} connections with one request each; without a free one nothing is sent.`,
      `One address may have ${verifications.perSecond} signatures verified a second, ${verifications.burst} at once: those are answered 401, the others 429.`,
      "Gateway (one isolate: one core), upstream, attacker and honest client share this machine's cores. At what one core can answer, honest",
      "requests queue behind the attacker's; below that they wait when workerd collects what requests leave behind, all of a second's at once.",
    ],
  };
}

/** Processor time of the Worker's process beyond what the calm round of the same length took. */
function cpuPerJunkUs({ cpuUs, junkPerSecond, seconds }: Figures, calm: Figures | undefined): number {
  return (cpuUs - (calm?.cpuUs ?? 0)) / (junkPerSecond * seconds);
}

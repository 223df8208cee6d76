import { setTimeout as delay } from "node:timers/promises";
import { es256Fixture } from "./fixtures/es256-tokens.ts";
import { floodPolicyText, verifications } from "./fixtures/flood-policy.ts";
import { type JunkClient, startJunkClient } from "./fixtures/start-junk.ts";
import { type Picket, startPicket } from "./fixtures/start-picket.ts";
import { startUpstream } from "./fixtures/start-upstream.ts";
import { deviceName, deviceTokens } from "./fixtures/tokens.ts";
import { waitUntilIdle } from "./measure/idle.ts";
import { type Call, openLoop } from "./measure/open-loop.ts";
import { cpuTimeUs } from "./measure/process.ts";
import { atLeast, atMost, type Benchmark, type Result, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds, type Rounds } from "./measure/rounds.ts";

const CALLERS = 256;
const HONEST_PER_SECOND = 200;
const GOAL_PER_SECOND = 20_000;
const CONNECTIONS = 64;
const DRAIN_TIMEOUT_MS = 60_000;

/** Junk a second that is tried. */
const rates = { calm: 0, "1 000/s": 1_000, "2 000/s": 2_000, "20 000/s": GOAL_PER_SECOND } as const;
type Name = keyof typeof rates;

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

interface Stage {
  picket: Picket;
  port: number;
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
    const { jwk, tokens } = await es256Fixture(CALLERS + 1, Date.now());
    const picket = await startPicket(upstream.url, undefined, floodPolicyText(upstream.url, jwk));
    const junk = startJunkClient();
    stops.push(picket.forget, picket.stop, junk.end);
    const junkToken = tokens.pop() ?? "";
    const stage: Stage = {
      picket,
      port: Number(new URL(picket.url).port),
      junk,
      signingInput: junkToken.slice(0, junkToken.lastIndexOf(".")),
      calls: honestCalls([...deviceTokens(CALLERS, Date.now()), ...tokens]),
    };
    await openLoop(stage.port, HONEST_PER_SECOND, (2 * CALLERS) / HONEST_PER_SECOND, (i) => stage.calls[i] as Call);
    const contenders = {} as Record<Name, () => Promise<Figures>>;
    for (const name of Object.keys(rates) as Name[]) contenders[name] = () => round(stage, rates[name], quick ? 2 : 8);
    return report(await pairedRounds(quick ? 2 : 7, contenders), quick ? 2 : 8);
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

async function round({ picket, port, junk, signingInput, calls }: Stage, perSecond: number, seconds: number): Promise<Figures> {
  const cpuBeforeUs = cpuTimeUs(picket.pid);
  const order = { port, perSecond, connections: CONNECTIONS, address: "203.0.113.9", path: "/fleet/devices/x", signingInput };
  if (perSecond > 0) await junk.start(order);
  if (perSecond > 0) await delay(500);
  const { latenciesMs, failures } = await openLoop(port, HONEST_PER_SECOND, seconds, (i) => calls[i % calls.length] as Call);
  const flooded = perSecond > 0 ? await junk.stop() : { seconds, sent: 0, statuses: {} };
  const cpuUs = cpuTimeUs(picket.pid) - cpuBeforeUs;
  if (failures > 0) throw new Error(`${failures} honest calls were refused or failed`);
  const { 401: verified = 0, 429: limited = 0, ...others } = flooded.statuses;
  if (Object.keys(others).length > 0) throw new Error(`junk was answered with ${JSON.stringify(flooded.statuses)}`);
  if (!(await waitUntilIdle(picket.pid, DRAIN_TIMEOUT_MS))) throw new Error("still busy a minute after its round");
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
  const names = Object.keys(rates) as Name[];
  const figures = (name: Name, key: keyof Figures) => rounds[name].map((one) => one[key]);
  const p99Ratio = (name: Name) => pairedRatio(figures(name, "p99Ms"), figures("calm", "p99Ms"));
  const flooded = names.filter((name) => rates[name] > 0);
  const share = flooded.flatMap((name) => rounds[name].map(({ verified, allowed }) => verified / allowed));
  return {
    name: "flood",
    title: `junk ES256 tokens from one address beside ${HONEST_PER_SECOND} honest requests/s from ${2 * CALLERS} others`,
    rows: names.map((name) => ({
      name: name === "calm" ? "calm" : `junk, ${name} tried`,
      measures: {
        "junk/s answered": spreadOf(figures(name, "junkPerSecond")),
        "honest p50 ms": spreadOf(figures(name, "p50Ms")),
        "honest p99 ms": spreadOf(figures(name, "p99Ms")),
        "p99 ÷ calm": p99Ratio(name),
        "junk verified/s": spreadOf(rounds[name].map(({ verified, seconds: elapsed }) => verified / elapsed)),
        "CPU µs/junk": name === "calm" ? null : spreadOf(rounds[name].map((one, i) => cpuPerJunkUs(one, rounds.calm[i]))),
      },
    })),
    goals: [
      ...flooded.map((name) => atMost(`honest p99 at ${name} of junk ÷ calm`, p99Ratio(name).median, 1.5)),
      atLeast("junk/s answered", spreadOf(figures("20 000/s", "junkPerSecond")).median, GOAL_PER_SECOND),
      atMost("signatures verified for the flood ÷ what its address may have", Math.max(...share), 1),
    ],
    notes: [
      `Honest: half HS256, half ES256 that are known; sent at a fixed rate whatever the answers do, timed from when each was due; ${seconds} s a round.`,
      `Junk: good claims, no two signatures alike, ${CONNECTIONS} connections with one request each; without a free one nothing is sent.`,
      `One address may have ${verifications.perSecond} signatures verified a second, ${verifications.burst} at once: those are answered 401, the others 429.`,
      "Gateway (one isolate, so one core), upstream, attacker and honest client share this machine's cores: above what one core answers,",
      "honest requests queue behind 64 of the attacker's. Where there are more isolates, the flood and its cost are spread over them.",
    ],
  };
}

/** Processor time of the Worker's process beyond what the calm round of the same length took. */
function cpuPerJunkUs({ cpuUs, junkPerSecond, seconds }: Figures, calm: Figures | undefined): number {
  return (cpuUs - (calm?.cpuUs ?? 0)) / (junkPerSecond * seconds);
}

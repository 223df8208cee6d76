import { readFileSync } from "node:fs";
import { startPicket } from "./fixtures/start-picket.ts";
import { startUpstream, type Upstream } from "./fixtures/start-upstream.ts";
import { writeTokenFile } from "./fixtures/token-file.ts";
import { bundleWorker } from "./measure/bundle.ts";
import { waitUntilIdle } from "./measure/idle.ts";
import { cpuTimeUs } from "./measure/process.ts";
import { atLeast, type Benchmark, type Result, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds, type Rounds } from "./measure/rounds.ts";
import { startWorkerd } from "./measure/workerd.ts";
import { CONNECTIONS, requireWrk, runWrk } from "./measure/wrk.ts";

const CALLERS = 1024;
const DRAIN_TIMEOUT_MS = 60_000;

const labels = {
  upstream: "the upstream alone",
  passThrough: "a: bare pass-through Worker",
  withHeaders: "a': pass-through with a gateway's headers",
  picket: "b: Picket",
  assembled: "c: hono + hono/jwt + hono-rate-limiter + D1 insert",
};
type Name = keyof typeof labels;

/** What takes wrk's requests, and the process whose time they cost. */
interface Target {
  url: string;
  pid: number;
}

interface Figures {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuUs: number;
}

export const gateway: Benchmark = { name: "gateway", run };

async function run({ quick }: RunOptions): Promise<Result> {
  await requireWrk();
  const tokens = writeTokenFile(CALLERS);
  const stops: (() => unknown)[] = [tokens.remove];
  try {
    const targets = await startTargets(stops);
    const seconds = quick ? 2 : 8;
    const contenders = {} as Record<Name, () => Promise<Figures>>;
    for (const name of Object.keys(targets) as Name[]) contenders[name] = () => load(name, targets[name], seconds, tokens.path);
    return report(await pairedRounds(quick ? 2 : 6, contenders), seconds);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function startTargets(stops: (() => unknown)[]): Promise<Record<Name, Target>> {
  const upstream: Upstream = await startUpstream();
  stops.push(upstream.stop);
  const bindings = { UPSTREAM: upstream.url };
  const passThrough = await startWorkerd({ folder: await bundleWorker("pass-through"), bindings });
  stops.push(passThrough.stop);
  const withHeaders = await startWorkerd({ folder: await bundleWorker("pass-through-headers"), bindings });
  stops.push(withHeaders.stop);
  const schema = readFileSync(new URL("workers/create-events.sql", import.meta.url), "utf8");
  const assembled = await startWorkerd({ folder: await bundleWorker("assembled"), bindings, schema });
  stops.push(assembled.stop);
  const picket = await startPicket(upstream.url);
  stops.push(picket.forget, picket.stop);
  return { upstream, passThrough, withHeaders, picket, assembled };
}

/** A round of full load on one target, and whatever it has left to do after it. Any answer but 2xx ends the benchmark. */
async function load(name: Name, { url, pid }: Target, seconds: number, tokenFile: string): Promise<Figures> {
  const cpuBeforeUs = cpuTimeUs(pid);
  const report = await runWrk({ url, seconds, tokenFile, path: "/fleet/devices/device-%06d" });
  if (report.non2xx > 0 || report.failures > 0) {
    throw new Error(`${labels[name]}: ${report.non2xx} refusals or errors and ${report.failures} failed connections`);
  }
  if (!(await waitUntilIdle(pid, DRAIN_TIMEOUT_MS))) throw new Error(`${labels[name]}: still busy a minute after its round`);
  return {
    requestsPerSecond: report.requests / (report.durationUs / 1e6),
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    cpuUs: (cpuTimeUs(pid) - cpuBeforeUs) / report.requests,
  };
}

function report(rounds: Rounds<Name, Figures>, seconds: number): Result {
  const figures = (name: Name, key: keyof Figures) => rounds[name].map((round) => round[key]);
  const throughput = (name: Name) => figures(name, "requestsPerSecond");
  const ratio = (name: Name) => pairedRatio(throughput("picket"), throughput(name));
  return {
    name: "gateway",
    title: "whole gateway in workerd, one upstream, full load",
    rows: (Object.keys(labels) as Name[]).map((name) => ({
      name: labels[name],
      measures: {
        "requests/s": spreadOf(throughput(name)),
        "p50 ms": spreadOf(figures(name, "p50Ms")),
        "p99 ms": spreadOf(figures(name, "p99Ms")),
        "CPU µs/request": spreadOf(figures(name, "cpuUs")),
        "Picket's throughput ÷ this": ratio(name),
      },
    })),
    goals: [
      atLeast("Picket ÷ bare pass-through, throughput", ratio("passThrough").median, 0.9),
      atLeast("Picket ÷ assembled, throughput", ratio("assembled").median, 2),
    ],
    notes: [
      `wrk -t2 -c${CONNECTIONS}, ${seconds} s a round, interleaved, ${CALLERS} callers' tokens in turn; straight from each Worker's own socket in workerd,`,
      "each workerd a process of its own, idle in the others' rounds. The upstream is a Node process that answers at once.",
      "CPU is user and system time of the target's process, with all that it did after the round for the round's requests (reports, D1).",
      "a' adds only what every gateway must: a copy of the headers, less the credential, with caller, forwarding and request id.",
      "Picket: two limits, a scope, exact counts and samples to D1. Assembled: one limit, no scope, one row per request, inserted under waitUntil.",
      "All of it, wrk too, shares this machine's cores: the figures compare, they do not say what a core can do by itself.",
    ],
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import { ROWS_PER_DAY } from "./fixtures/policy.ts";
import { type Accounts, type Picket, startPicket } from "./fixtures/start-picket.ts";
import { startUpstream } from "./fixtures/start-upstream.ts";
import { writeTokenFile } from "./fixtures/token-file.ts";
import { bundleWorker } from "./measure/bundle.ts";
import { residentBytes } from "./measure/process.ts";
import { atMost, type Benchmark, type Result, type RunOptions, spreadOf } from "./measure/result.ts";
import { type RowBook, readRowBook } from "./measure/row-book.ts";
import { startWorkerd } from "./measure/workerd.ts";
import { requireWrk, runWrk } from "./measure/wrk.ts";

const CALLERS = 1024;
const DRAIN_TIMEOUT_MS = 60_000;
const DRAIN_STEP_MS = 500;
/** V8 lets the heap of a busy isolate grow in steps, for up to 200 s here, before it is satisfied. */
const WARM_UP_SECONDS = 240;
const LOAD_SECONDS = 60;
/** Growth between the first and the last third that counts as flat. */
const FLAT_PERCENT = 5;

export const soak: Benchmark = { name: "soak", run };

interface Load {
  /** Put on the wire. */
  sent: number;
  requestsPerSecond: number;
  residentMb: number[];
}

interface Run {
  load: Load;
  /** The same load on a Worker that forwards with the same headers and does nothing else. */
  bare: Load;
  /** Over the warm-up and the load. */
  sent: number;
  reachedUpstream: number;
  accounts: Accounts;
  rows: RowBook;
  elapsedSeconds: number;
}

async function run({ quick }: RunOptions): Promise<Result> {
  await requireWrk();
  const tokens = writeTokenFile(CALLERS);
  const upstream = await startUpstream();
  const bare = await soakBareWorker(upstream.url, tokens.path, quick);
  const reachedBefore = await upstream.count();
  const startedMs = performance.now();
  const picket = await startPicket(upstream.url);
  try {
    const warmUp = await loadAndSample(picket, quick ? 3 : WARM_UP_SECONDS, tokens.path);
    const load = await loadAndSample(picket, quick ? 6 : LOAD_SECONDS, tokens.path);
    const sent = warmUp.sent + load.sent;
    const accounts = await drained(picket, sent);
    const elapsedSeconds = (performance.now() - startedMs) / 1000;
    await picket.stop();
    return report({
      load,
      bare,
      sent,
      reachedUpstream: (await upstream.count()) - reachedBefore,
      accounts,
      rows: readRowBook(picket.statePath),
      elapsedSeconds,
    });
  } finally {
    await picket.stop();
    picket.forget();
    upstream.stop();
    tokens.remove();
  }
}

/** What workerd itself does under such a load: V8 lets the heap of a busy isolate grow in steps, for minutes. */
async function soakBareWorker(upstream: string, tokenFile: string, quick: boolean): Promise<Load> {
  const worker = await startWorkerd({ folder: await bundleWorker("pass-through-headers"), bindings: { UPSTREAM: upstream } });
  try {
    await loadAndSample(worker, quick ? 3 : WARM_UP_SECONDS, tokenFile);
    return await loadAndSample(worker, quick ? 6 : LOAD_SECONDS, tokenFile);
  } finally {
    await worker.stop();
  }
}

/** Full load for so long; the resident set of workerd once a second meanwhile. */
async function loadAndSample({ url, pid }: { url: string; pid: number }, seconds: number, tokenFile: string): Promise<Load> {
  const residentMb: number[] = [];
  const sampling = setInterval(() => residentMb.push(residentBytes(pid) / 1e6), 1000);
  try {
    const wrk = await runWrk({ url, seconds, tokenFile, path: "/fleet/devices/device-%06d" });
    if (wrk.non2xx > 0 || wrk.failures > 0)
      throw new Error(`${wrk.non2xx} refusals or errors, ${wrk.failures} failed connections`);
    return { sent: wrk.sent, requestsPerSecond: wrk.requests / (wrk.durationUs / 1e6), residentMb };
  } finally {
    clearInterval(sampling);
  }
}

/** The account once everything that was sent is stored or dropped, or as it is a minute later. */
async function drained(picket: Picket, sent: number): Promise<Accounts> {
  for (let waitedMs = 0; ; waitedMs += DRAIN_STEP_MS) {
    const accounts = await picket.accounts();
    if (waitedMs >= DRAIN_TIMEOUT_MS || (accounts.pending === 0 && accounts.reported >= sent)) return accounts;
    await sleep(DRAIN_STEP_MS);
  }
}

function report({ load, bare, sent, reachedUpstream, accounts, rows, elapsedSeconds }: Run): Result {
  const { residentMb } = load;
  const resident = thirds(load);
  const bareResident = thirds(bare);
  const { reported, stored, dropped, pending } = accounts;
  const unaccounted = Math.abs(sent - reported) + Math.abs(reported - stored - dropped - pending);
  const budget = Math.floor((ROWS_PER_DAY * elapsedSeconds) / 86_400);
  return {
    name: "soak",
    title: `${residentMb.length} s of full load through Picket, ${Math.round(load.requestsPerSecond)} requests/s`,
    rows: [
      { name: "resident set, first third", measures: { MB: resident.first } },
      { name: "resident set, last third", measures: { MB: resident.last } },
      { name: "resident set, slope", measures: { "MB/minute": slopePerSecond(residentMb) * 60 } },
      { name: "a bare Worker's resident set, first third", measures: { MB: bareResident.first } },
      { name: "a bare Worker's resident set, last third", measures: { MB: bareResident.last } },
      { name: "requests sent by wrk", measures: { requests: sent } },
      { name: "requests that reached the upstream", measures: { requests: reachedUpstream } },
      { name: "reported", measures: { requests: reported } },
      { name: "stored", measures: { requests: stored } },
      { name: "dropped, and counted as such", measures: { requests: dropped } },
      { name: "pending after the drain", measures: { requests: pending } },
      { name: "rows billed by D1", measures: { rows: rows.billed } },
      { name: "telemetry rows that stand in D1", measures: { rows: rows.standing } },
      { name: `budget for ${elapsedSeconds.toFixed(0)} s of ${ROWS_PER_DAY} a day`, measures: { rows: budget } },
    ],
    goals: [
      atMost("resident set, growth from first to last third, %", resident.growthPercent, FLAT_PERCENT),
      atMost("rows billed", rows.billed, budget),
      atMost("requests unaccounted for", unaccounted, 0),
    ],
    notes: [
      `The load follows a warm-up (${WARM_UP_SECONDS} s unless quick), whose requests and rows are in the account as well.`,
      "The bare Worker forwards with the same headers and does nothing else; it has the same warm-up and load, before Picket's.",
      "Unaccounted: sent by wrk and not reported, or the other way about, and reported but neither stored, dropped nor pending.",
      "Rows billed are inserts, updates and deletes (meta.rows_written), as the Region object's book has them.",
    ],
  };
}

/** The resident set in the first and in the last third of a load. */
function thirds({ residentMb }: Load) {
  const third = Math.floor(residentMb.length / 3);
  const first = spreadOf(residentMb.slice(0, third));
  const last = spreadOf(residentMb.slice(-third));
  return { first, last, growthPercent: (last.median / first.median - 1) * 100 };
}

/** Least-squares slope of values that were taken a second apart. */
function slopePerSecond(values: readonly number[]): number {
  const meanX = (values.length - 1) / 2;
  const meanY = values.reduce((sum, y) => sum + y, 0) / values.length;
  const covariance = values.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0);
  const variance = values.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}

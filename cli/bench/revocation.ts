import { setTimeout as delay } from "node:timers/promises";
import { type Picket, startPicket } from "./fixtures/start-picket.ts";
import { startUpstream } from "./fixtures/start-upstream.ts";
import { deviceName, deviceTokens } from "./fixtures/tokens.ts";
import { atMost, type Benchmark, type Result, type RunOptions } from "./measure/result.ts";

const REGIONS = ["weur", "enam", "apac"];
const GOAL_MS = 2_000;
const GIVE_UP_MS = 20_000;
const ASK_EVERY_MS = 10;

export const revocation: Benchmark = { name: "revocation", run };

/** How long a revoked device is still let pass, from before the administrator asks until each region's first refusal. */
async function run({ quick }: RunOptions): Promise<Result> {
  const runs = quick ? 3 : 20;
  const upstream = await startUpstream();
  const picket = await startPicket(upstream.url, REGIONS);
  try {
    const tokens = deviceTokens(2 * runs + 1, Date.now());
    const asker = { token: tokens[2 * runs] ?? "", device: 2 * runs };
    const busy: number[] = [];
    const idle: number[] = [];
    for (let i = 0; i < runs; i++) {
      busy.push(...(await measure(picket, tokens[i] ?? "", i, asker.token)));
      // Longer than an isolate takes its list for the newest: nobody calls, so nobody reports and hears of it.
      await delay(2_500);
      idle.push(...(await measure(picket, tokens[runs + i] ?? "", runs + i, null)));
    }
    return resultOf(runs, busy, idle);
  } finally {
    await picket.stop();
    picket.forget();
    upstream.stop();
  }
}

/** ms for each region. @param others token of callers who go on calling meanwhile; null = nobody calls until the revocation is made */
async function measure(picket: Picket, token: string, index: number, others: string | null): Promise<number[]> {
  if (others !== null) await callFor(picket, others, 300 + ((index * 137) % 1000));
  const sinceMs = performance.now();
  const body = JSON.stringify({ kind: "principal", authenticator: "device-tokens", subject: deviceName(index), reason: "bench" });
  const headers = { authorization: `Bearer ${picket.adminToken}`, "content-type": "application/json" };
  const made = fetch(`${picket.url}/_picket/api/v1/revocations`, { method: "POST", headers, body });
  if (others === null) await made;
  const refused = picket.origins.map(async (origin) => {
    while (performance.now() - sinceMs < GIVE_UP_MS) {
      if ((await statusOf(origin, token)) === 401) return performance.now() - sinceMs;
      await delay(ASK_EVERY_MS);
    }
    throw new Error(`${deviceName(index)} is still let pass at ${origin} after ${GIVE_UP_MS} ms`);
  });
  const [response, ...times] = await Promise.all([made, ...refused]);
  if (response.status !== 201) throw new Error(`the revocation was not made: ${await response.text()}`);
  return times;
}

async function callFor(picket: Picket, token: string, ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    await Promise.all(picket.origins.map((origin) => statusOf(origin, token)));
    await delay(ASK_EVERY_MS);
  }
}

async function statusOf(origin: string, token: string): Promise<number> {
  const { status, body } = await fetch(`${origin}/fleet/devices/1`, { headers: { authorization: `Bearer ${token}` } });
  await body?.cancel();
  return status;
}

function resultOf(runs: number, busy: number[], idle: number[]): Result {
  const row = (name: string, times: number[]) => ({
    name,
    measures: { "median ms": quantile(times, 0.5), "p99 ms": quantile(times, 0.99), "largest ms": Math.max(...times) },
  });
  return {
    name: "revocation",
    title: `a principal is revoked: until ${REGIONS.length} regions refuse it`,
    rows: [row("callers all the time", busy), row("no caller for 2.5 s before", idle)],
    goals: [atMost("p99 over regions and runs, ms", quantile([...busy, ...idle], 0.99), GOAL_MS)],
    notes: [
      `${runs} runs each, ${REGIONS.length} regions on this machine; from the request that revokes to a region's first refusal.`,
    ],
  };
}

/** The smallest value that at least the share `q` of them does not exceed. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { zipfTrace } from "./fixtures/zipf.ts";
import { coreFile } from "./measure/bundle.ts";
import { atLeast, atMost, type Benchmark, type Result, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds } from "./measure/rounds.ts";
import { coreLimiter, exactAdmissions, filledPeer, type Limiter, peerLimiter, type Trace } from "./peers/limiter.ts";

const KEYS = 100_000;
/** Fewer than keys: one whose debt has passed needs no cell. */
const CELLS = 1 << 16;
const CHECKS_PER_SECOND = 10_000;

export const gcra: Benchmark = { name: "gcra", run };

async function run({ quick }: RunOptions): Promise<Result> {
  const trace: Trace = {
    keys: zipfTrace(KEYS, quick ? 300_000 : 1_500_000, 7),
    keyCount: KEYS,
    stepMs: 1000 / CHECKS_PER_SECOND,
  };
  const core = coreLimiter(await WebAssembly.compile(readFileSync(coreFile)), CELLS, KEYS);
  const peer = peerLimiter(KEYS);
  const admitted = new Map<Limiter, number>();
  // Each round begins an hour after the one before: every debt of that has passed.
  const contender = (limiter: Limiter) => {
    let startMs = 1_800_000_000_000;
    return async () => {
      startMs += 3_600_000;
      const startedMs = performance.now();
      admitted.set(limiter, await limiter.run(trace, startMs));
      return ((performance.now() - startedMs) * 1e6) / trace.keys.length;
    };
  };
  const ns = await pairedRounds(quick ? 3 : 9, { core: contender(core), peer: contender(peer) });

  const exact = exactAdmissions(trace, 1_800_000_000_000);
  const seen = new Set(trace.keys).size;
  const share = (limiter: Limiter) => (100 * (admitted.get(limiter) ?? 0)) / trace.keys.length;
  const coreBytes = core.tableBytes / seen;
  return {
    name: "gcra",
    title: `rate limit checks, ${KEYS} keys by Zipf's law, 600 a minute with a burst of 60, in Node`,
    rows: [
      { name: core.name, measures: { "ns/check": spreadOf(ns.core), "bytes/key": coreBytes, "% admitted": share(core) } },
      {
        name: peer.name,
        measures: { "ns/check": spreadOf(ns.peer), "bytes/key": await peerBytesPerKey(), "% admitted": share(peer) },
      },
    ],
    goals: [
      atLeast("rate-limiter-flexible ÷ core, time per check", pairedRatio(ns.peer, ns.core).median, 3),
      atMost("core, bytes per key", coreBytes, 16),
      atMost("core, decisions that differ from exact GCRA", Math.abs((admitted.get(core) ?? 0) - exact.admitted), 0),
      atMost("core, cells in debt that were evicted", core.evictions(), 0),
    ],
    notes: [
      `${trace.keys.length} checks at ${CHECKS_PER_SECOND} a second of simulated time; ${seen} keys came up, at most ${exact.mostInDebt} of them in debt at once.`,
      `The core's table has ${CELLS} cells of 16 bytes: a key whose debt has passed needs none. Were all ${KEYS} in debt at once, 2^17 cells`,
      "would be wanted: 21 bytes a key. The peer keeps a record and a timer per key until its window ends.",
      "The core gets a key as the 64-bit hash that the gateway has already taken of it; the peer a string that is built before the loop.",
      "The peer's is a fixed window of 60 in 6 s (it has no GCRA), awaited per check, a refusal caught; its clock is a variable, cheaper than Date.now().",
    ],
  };
}

/** Heap that `KEYS` keys of one use each take. */
async function peerBytesPerKey(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const limiter = await filledPeer(KEYS);
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  // Used after the measurement, so that it was not collected before.
  await limiter.delete("device-000000");
  return bytes / KEYS;
}

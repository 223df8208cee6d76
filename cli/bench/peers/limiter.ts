import { RateLimiterMemory } from "rate-limiter-flexible";
import { instantiateCore } from "../../../worker/engine/core.ts";
import { seededRandom } from "../fixtures/zipf.ts";

/** 600 requests a minute, 60 of them at once. */
export const INTERVAL_US = 100_000;
export const BURST = 60;
export const TOLERANCE_US = (BURST - 1) * INTERVAL_US;

/** Which key asks when: request i is of key `keys[i]`, at `startMs + i * stepMs`. */
export interface Trace {
  keys: Uint32Array;
  keyCount: number;
  stepMs: number;
}

/** Goes through a trace from `startMs` on; answers how many requests were admitted. */
export interface Limiter {
  name: string;
  run(trace: Trace, startMs: number): number | Promise<number>;
}

export interface CoreLimiter extends Limiter {
  tableBytes: number;
  /** Cells in debt that had to give way: each may have admitted too much. */
  evictions(): number;
}

interface LimitingCore {
  gcra_new(cells: number): number;
  gcra_take(
    handle: number,
    low: number,
    high: number,
    intervalUs: number,
    toleranceUs: number,
    flags: number,
    nowUs: number,
  ): number;
  gcra_evictions(handle: number): number;
}

/** The core's GCRA table. A key is 64 bits, as the keyed hash of a principal is; seeded random ones stand for them here. */
export function coreLimiter(module: WebAssembly.Module, cells: number, keyCount: number): CoreLimiter {
  const core = instantiateCore<LimitingCore>(module);
  const handle = core.gcra_new(cells);
  if (handle === 0) throw new Error(`the core has no room for ${cells} cells`);
  const random = seededRandom(1);
  const hashes = Int32Array.from({ length: 2 * keyCount }, () => random() * 2 ** 32);
  return {
    name: "core: gcra_take",
    tableBytes: cells * 16,
    evictions: () => core.gcra_evictions(handle),
    run({ keys, stepMs }, startMs) {
      let admitted = 0;
      for (let i = 0; i < keys.length; i++) {
        const at = 2 * (keys[i] ?? 0);
        const nowUs = Math.round((startMs + i * stepMs) * 1000);
        const waitUs = core.gcra_take(handle, hashes[at] ?? 0, hashes[at + 1] ?? 0, INTERVAL_US, TOLERANCE_US, 0, nowUs);
        if (waitUs === 0) admitted++;
      }
      return admitted;
    },
  };
}

/**
 * rate-limiter-flexible in memory: a fixed window of the same rate and burst, without a key prefix (one string less per
 * check). It reads Date.now() itself, so the trace's clock stands in its place while it runs.
 */
export function peerLimiter(keyCount: number): Limiter {
  const names = keyNames(keyCount);
  return {
    name: "rate-limiter-flexible: consume",
    async run({ keys, stepMs }, startMs) {
      const limiter = newPeer();
      const realNow = Date.now;
      let nowMs = startMs;
      Date.now = () => nowMs;
      let admitted = 0;
      try {
        for (let i = 0; i < keys.length; i++) {
          nowMs = startMs + i * stepMs;
          try {
            await limiter.consume(names[keys[i] ?? 0] ?? "");
            admitted++;
          } catch {
            // Refused: it rejects with what is left, which nobody reads here.
          }
        }
      } finally {
        Date.now = realNow;
      }
      return admitted;
    },
  };
}

/** A limiter that holds every key once, for weighing it. */
export async function filledPeer(keyCount: number): Promise<RateLimiterMemory> {
  const limiter = newPeer();
  for (const name of keyNames(keyCount)) await limiter.consume(name);
  return limiter;
}

/** It sets a timer per key; they are unreferenced, and go with the process. */
function newPeer(): RateLimiterMemory {
  return new RateLimiterMemory({ points: BURST, duration: (BURST * INTERVAL_US) / 1e6, keyPrefix: "" });
}

export function keyNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `device-${String(i).padStart(6, "0")}`);
}

/** GCRA by the definition, one number per key in a Map: what every decision is checked against. */
export function exactAdmissions({ keys, stepMs }: Trace, startMs: number): { admitted: number; mostInDebt: number } {
  const arrivals = new Map<number, number>();
  let admitted = 0;
  let mostInDebt = 0;
  const everyPercent = Math.max(1, Math.floor(keys.length / 100));
  for (let i = 0; i < keys.length; i++) {
    const nowUs = Math.round((startMs + i * stepMs) * 1000);
    const key = keys[i] ?? 0;
    const arrivalUs = Math.max(arrivals.get(key) ?? 0, nowUs);
    if (arrivalUs - TOLERANCE_US <= nowUs) {
      admitted++;
      arrivals.set(key, arrivalUs + INTERVAL_US);
    }
    if (i % everyPercent === 0) mostInDebt = Math.max(mostInDebt, [...arrivals.values()].filter((us) => us > nowUs).length);
  }
  return { admitted, mostInDebt };
}

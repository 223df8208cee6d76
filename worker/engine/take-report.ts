import * as abi from "../../wasm/abi.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import type {
  CallerIncrement,
  OperationName,
  RefusalIncrement,
  RollupIncrement,
  SampledEvent,
  TrafficIncrement,
} from "../region/report.ts";
import type { Engine } from "./engine.ts";
import { readEvent } from "./event-record.ts";
import { reasonNames, verdictNames } from "./names.ts";
import { takeCallers } from "./take-callers.ts";
import { takeRefusals } from "./take-refusals.ts";

export interface Counts {
  requests: number;
  operations: OperationName[];
  rollups: RollupIncrement[];
  traffic: TrafficIncrement[];
  samples: SampledEvent[];
  callers: CallerIncrement[];
  /** Requests of callers that the core had listed and the report had no room for. */
  callersUnlisted: number;
  refusals: RefusalIncrement[];
}

/**
 * Everything that the core counted and sampled since the last call, which starts both anew. Must run before another
 * policy is put in force: the indices mean `meta`'s names.
 *
 * @param nowMs a sampled request that was not answered yet waits for a later call, up to a minute; Infinity lists all
 */
export function takeCounts(engine: Engine, meta: PolicyMeta, region: string, nowMs: number): Counts {
  const { core } = engine;
  const lists = { operations: [], rollups: [], traffic: [], samples: [], callers: [] };
  const counts: Counts = { requests: 0, ...lists, callersUnlisted: 0, refusals: takeRefusals(core, meta) };
  const dirty = new Uint32Array(core.memory.buffer, abi.DIRTY, core.dirty_count());
  for (const operation of dirty) readOperation(core.memory, operation, meta, counts);
  const callers = takeCallers(core, meta, dirty);
  core.stats_clear();

  const listed = core.sample_take(nowMs);
  const addresses = new Uint32Array(core.memory.buffer, core.sample_list(), listed);
  for (const address of addresses) counts.samples.push(readEvent(core.memory, address, meta, region));
  core.sample_release();
  return { ...counts, ...callers };
}

function readOperation(memory: WebAssembly.Memory, index: number, meta: PolicyMeta, counts: Counts): void {
  const base = abi.STATS + index * abi.STATS_SIZE;
  const operation = counts.operations.push(operationName(index, meta)) - 1;
  const requests = new Uint32Array(memory.buffer, base + abi.STATS_COUNTS, abi.VERDICT_COUNT * abi.REASON_COUNT);
  for (const [i, n] of requests.entries()) {
    if (n === 0) continue;
    const verdict = verdictNames[Math.floor(i / abi.REASON_COUNT)] ?? "refuse";
    counts.rollups.push({ operation, verdict, reason: reasonNames[i % abi.REASON_COUNT] ?? "", requests: n });
    counts.requests += n;
  }
  const traffic = readTraffic(memory, base, operation);
  if (traffic !== null) counts.traffic.push(traffic);
}

/** null where nothing was settled. */
function readTraffic(memory: WebAssembly.Memory, base: number, operation: number): TrafficIncrement | null {
  const statuses = [...new Uint32Array(memory.buffer, base + abi.STATS_STATUSES, 6)];
  if (statuses.every((n) => n === 0)) return null;
  const latency: [number, number][] = [];
  for (const [bucket, n] of new Uint32Array(memory.buffer, base + abi.STATS_LATENCY, abi.LATENCY_BUCKETS).entries()) {
    if (n > 0) latency.push([bucket, n]);
  }
  const bytes = new Float64Array(memory.buffer, base + abi.STATS_BYTES_IN, 2);
  return { operation, statuses, bytesIn: bytes[0] ?? 0, bytesOut: bytes[1] ?? 0, latency };
}

function operationName(index: number, meta: PolicyMeta): OperationName {
  const operation = meta.operations[index];
  if (operation === undefined) return { service: "", method: "", operation: "(unknown)" };
  return {
    service: meta.services[operation.service]?.name ?? "",
    method: operation.method,
    operation: operation.template,
  };
}

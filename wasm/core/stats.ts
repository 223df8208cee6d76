// Exact counts per operation since the last report. The host reads the records at STATS itself.
import * as abi from "../abi";

/** γ = (1 + α) / (1 − α) with α = 5 %; Masson, Rim, Lee, "DDSketch", VLDB 2019. */
const GAMMA: f64 = 1.05 / 0.95;

/** Upper bounds of all buckets but the last, ms; written when first asked for. A search in them beats a logarithm in size. */
const bounds: usize = memory.data(1112, 8); // f64 × (LATENCY_BUCKETS - 1)

let dirty: i32 = 0;

@inline
function statsOf(operation: i32): usize {
  return abi.STATS + operation * abi.STATS_SIZE;
}

@inline
function increment(address: usize): void {
  store<u32>(address, load<u32>(address) + 1);
}

/** Requests of the operation in this report so far. */
@inline
export function statsRequests(operation: i32): u32 {
  return load<u32>(statsOf(operation) + abi.STATS_REQUESTS);
}

/** Counts one decided request. `operation`, `verdict` and `reason` must be in range. */
export function statsCount(operation: i32, verdict: i32, reason: i32): void {
  const at = statsOf(operation);
  mark(at, operation);
  increment(at + abi.STATS_COUNTS + ((<usize>verdict * abi.REASON_COUNT + reason) << 2));
  increment(at + abi.STATS_REQUESTS);
}

@inline
function mark(at: usize, operation: i32): void {
  if (load<u32>(at + abi.STATS_MARK) != 0) return;
  store<u32>(at + abi.STATS_MARK, 1);
  store<u32>(abi.DIRTY + (dirty++ << 2), operation);
}

/** Counts a request that the host decided by itself. Numbers out of range change nothing. */
export function count_request(operation: i32, verdict: i32, reason: i32): void {
  if (<u32>operation >= <u32>abi.MAX_OPERATIONS || <u32>verdict >= <u32>abi.VERDICT_COUNT) return;
  if (<u32>reason < <u32>abi.REASON_COUNT) statsCount(operation, verdict, reason);
}

/**
 * Counts what became of one forwarded request.
 *
 * @param status the upstream's answer, or what the caller got when there was none
 * @param failure REASON_UPSTREAM_* when there was none, else 0
 */
export function statsSettle(operation: i32, status: i32, failure: i32, latencyMs: f64, bytesIn: f64, bytesOut: f64): void {
  const at = statsOf(operation);
  mark(at, operation);
  const group = failure != 0 ? 5 : max(1, min(status / 100, 5)) - 1;
  increment(at + abi.STATS_STATUSES + (<usize>group << 2));
  increment(at + abi.STATS_LATENCY + (<usize>latency_bucket(latencyMs) << 2));
  store<f64>(at + abi.STATS_BYTES_IN, load<f64>(at + abi.STATS_BYTES_IN) + bytesIn);
  store<f64>(at + abi.STATS_BYTES_OUT, load<f64>(at + abi.STATS_BYTES_OUT) + bytesOut);
}

/** Number of operations listed at DIRTY. */
export function dirty_count(): i32 {
  return dirty;
}

/** Starts a new report: zeroes the records that are listed, and the list. */
export function stats_clear(): void {
  for (let i = 0; i < dirty; i++) {
    memory.fill(statsOf(load<i32>(abi.DIRTY + (i << 2))), 0, abi.STATS_SIZE);
  }
  dirty = 0;
}

/** The bucket of a latency: i holds (γ^(i-1), γ^i] × 0.1 ms; what is not above 0.1 ms is in 0, what is beyond all in the last. */
export function latency_bucket(ms: f64): i32 {
  if (load<f64>(bounds) == 0) writeBounds();
  let low = 0;
  let high = abi.LATENCY_BUCKETS - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ms > load<f64>(bounds + (<usize>middle << 3))) low = middle + 1;
    else high = middle;
  }
  return low;
}

function writeBounds(): void {
  let bound = 0.1;
  for (let i: usize = 0; i < <usize>(abi.LATENCY_BUCKETS - 1); i++, bound *= GAMMA) store<f64>(bounds + (i << 3), bound);
}

import { SEEN_BUCKETS, SEEN_TOKENS, VERDICT_ALLOW } from "../../../wasm/abi.ts";
import type { Engine } from "../../../worker/engine/engine.ts";

/** A report's worth of requests: the sampler's epoch is closed so often, as the reporter does about once a second. */
const REQUESTS_PER_REPORT = 4096;

export interface DecideOptions {
  nowMs: number;
  /** Closes each request. */
  settles: boolean;
  /** Tokens may be known from the turn before; else each counts as one that never came before. */
  known: boolean;
}

/**
 * Whole decisions, each of another caller than the one before: the request is written as the gateway writes it, decided and
 * closed. Answers how many of n were allowed.
 */
export function decideLoop(
  engine: Engine,
  tokens: readonly string[],
  { nowMs, settles, known }: DecideOptions,
): (n: number) => number {
  const authorizations = tokens.map((token) => `Bearer ${token}`);
  const paths = tokens.map((_, i) => `/fleet/devices/device-${i}`);
  const addresses = tokens.map((_, i) => `203.0.113.${i % 256}`);
  const { core, request, verdict } = engine;
  const seen = new Uint8Array(core.memory.buffer, SEEN_TOKENS, SEEN_BUCKETS * 16);
  return (n) => {
    let allowed = 0;
    for (let i = 0; i < n; i++) {
      const caller = i % tokens.length;
      if (caller === 0 && !known) seen.fill(0);
      request.method("GET", 0);
      request.path(paths[caller] ?? "");
      request.address(addresses[caller] ?? "");
      request.network(64500, "DE", "FRA");
      request.credential(0, authorizations[caller] ?? "");
      if (engine.decide(nowMs) === VERDICT_ALLOW) allowed++;
      if (settles) engine.settle(verdict.ticket, verdict.operation, 200, 0, 3, 0, 42);
      if (i % REQUESTS_PER_REPORT === 0) closeReport();
    }
    return allowed;
  };

  function closeReport(): void {
    core.sample_take(Number.POSITIVE_INFINITY);
    core.sample_release();
    core.stats_clear();
    core.callers_clear();
  }
}

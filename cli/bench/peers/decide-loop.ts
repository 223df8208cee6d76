import { VERDICT_ALLOW } from "../../../wasm/abi.ts";
import type { Engine } from "../../../worker/engine/engine.ts";

/** A report's worth of requests: the sampler's epoch is closed so often, as the reporter does about once a second. */
const REQUESTS_PER_REPORT = 4096;

/**
 * Whole decisions, each of another caller than the one before: the request is written as the gateway writes it, decided,
 * and, with `settles`, closed. Answers how many of n were allowed.
 */
export function decideLoop(engine: Engine, tokens: readonly string[], nowMs: number, settles: boolean): (n: number) => number {
  const authorizations = tokens.map((token) => `Bearer ${token}`);
  const paths = tokens.map((_, i) => `/fleet/devices/device-${i}`);
  const addresses = tokens.map((_, i) => `203.0.113.${i % 256}`);
  const { core, request, verdict } = engine;
  return (n) => {
    let allowed = 0;
    for (let i = 0; i < n; i++) {
      const caller = i % tokens.length;
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

import type { Engine } from "../engine/engine.ts";
import { takeCounts } from "../engine/take-report.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import type { Orders, Report } from "../region/report.ts";

/** Reports kept while the region cannot be reached. Each covers a second or more. */
const MAX_UNSENT = 8;
const SEND_TIMEOUT_MS = 5_000;
const FIRST_INTERVAL_MS = 1_000;

export type Send = (report: Report) => Promise<Orders>;

/**
 * Turns what the core counted into numbered reports and keeps each until the region has acknowledged it. A report that
 * was sent twice has the same number, so it counts once. What does not fit is counted and told in the next one.
 */
export class Reporter {
  readonly #isolate: string;
  #seq = 0;
  #unsent: Report[] = [];
  #sinceMs: number;
  #faultsTold = 0;
  #lostTold = 0;
  #evictionsTold = 0;
  #unsampledTold = 0;
  #callersUnlistedTold = 0;
  #placesUnlistedTold = 0;
  #refusalsUnlistedTold = 0;
  #blocksUnkeptTold = 0;
  #reportsDropped = 0;
  #requestsDropped = 0;
  intervalMs = FIRST_INTERVAL_MS;

  /** @param isolate 16 hex digits, drawn at random when the isolate starts */
  constructor(isolate: string, nowMs: number) {
    this.#isolate = isolate;
    this.#sinceMs = nowMs;
  }

  /**
   * Takes what the core counted into a new report. Nothing counted and nothing dropped makes no report.
   *
   * @param last true before another policy is put in force: nothing may stay behind whose names would change
   */
  collect(engine: Engine, meta: PolicyMeta, region: string, nowMs: number, last = false): void {
    this.#requestsDropped += engine.lostRequests - this.#lostTold;
    this.#lostTold = engine.lostRequests;
    const { callersUnlisted, ...counts } = takeCounts(engine, meta, region, last ? Number.POSITIVE_INFINITY : nowMs);
    const counters = {
      coreFaults: engine.faults - this.#faultsTold,
      reportsDropped: this.#reportsDropped,
      requestsDropped: this.#requestsDropped,
      limitEvictions: Math.max(0, engine.core.evictions_count() - this.#evictionsTold),
      unsampled: Math.max(0, engine.core.unsampled_count() - this.#unsampledTold),
      callersUnlisted: callersUnlisted + Math.max(0, engine.core.callers_unlisted() - this.#callersUnlistedTold),
      placesUnlisted: Math.max(0, engine.core.places_unlisted() - this.#placesUnlistedTold),
      refusalsUnlisted: Math.max(0, engine.core.refusals_unlisted() - this.#refusalsUnlistedTold),
      blocksUnkept: Math.max(0, engine.core.blocks_unkept() - this.#blocksUnkeptTold),
    };
    const silent = counts.requests === 0 && counts.traffic.length === 0 && counts.samples.length === 0;
    if (silent && counters.requestsDropped === 0 && counters.coreFaults === 0) return;
    this.#faultsTold += counters.coreFaults;
    this.#evictionsTold = engine.core.evictions_count();
    this.#unsampledTold = engine.core.unsampled_count();
    this.#callersUnlistedTold = engine.core.callers_unlisted();
    this.#placesUnlistedTold = engine.core.places_unlisted();
    this.#refusalsUnlistedTold = engine.core.refusals_unlisted();
    this.#blocksUnkeptTold = engine.core.blocks_unkept();
    this.#reportsDropped = 0;
    this.#requestsDropped = 0;
    const span = { fromMs: this.#sinceMs, toMs: nowMs };
    this.#sinceMs = nowMs;
    this.#seq += 1;
    this.#keep({
      v: 3,
      isolate: this.#isolate,
      seq: this.#seq,
      region,
      policyVersion: meta.version,
      ...span,
      ...counts,
      blocksGeneration: engine.blocksGeneration,
      counters,
    });
  }

  /**
   * Sends what is unsent, oldest first. Answers the last orders, or null where the region could not be reached: what is
   * left waits for the next call.
   */
  async flush(send: Send): Promise<Orders | null> {
    let orders: Orders | null = null;
    for (const report of [...this.#unsent]) {
      try {
        orders = await withTimeout(send(report), SEND_TIMEOUT_MS);
      } catch {
        return null;
      }
      this.#unsent = this.#unsent.filter((other) => other.seq > report.seq);
      this.intervalMs = orders.nextReportMs;
      if (orders.refused !== undefined) this.#drop(report, orders.refused);
    }
    return orders;
  }

  #keep(report: Report): void {
    this.#unsent.push(report);
    if (this.#unsent.length <= MAX_UNSENT) return;
    const oldest = this.#unsent.shift();
    if (oldest !== undefined) this.#drop(oldest, "the region is away");
  }

  /** What a lost report had to say of losses is not lost with it. */
  #drop(report: Report, why: string): void {
    console.error(`report ${report.seq} dropped: ${why}`);
    this.#reportsDropped += 1 + report.counters.reportsDropped;
    this.#requestsDropped += report.requests + report.counters.requestsDropped;
  }
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("the region did not answer in time")), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

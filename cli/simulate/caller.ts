import { Agent, request as httpRequest } from "node:http";
import type { Origin } from "./population.ts";

const MAX_IN_FLIGHT = 64;
const TIMEOUT_MS = 10_000;

export interface Ask {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface CallerCounts {
  sent: number;
  /** Not sent, because too many were under way. */
  skipped: number;
  /** Sent, but no answer came. */
  failed: number;
  /** Answers by status. */
  statuses: Map<number, number>;
}

/** Sends requests to the regions' listeners, a bounded number at a time; what does not fit is counted and let go. */
export class Caller {
  readonly counts: CallerCounts = { sent: 0, skipped: 0, failed: 0, statuses: new Map() };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_IN_FLIGHT, maxFreeSockets: MAX_IN_FLIGHT });
  readonly #targets: readonly URL[];
  #inFlight = 0;
  #idle: (() => void)[] = [];

  /** @param targets base address of each region's listener, by region index */
  constructor(targets: readonly string[]) {
    this.#targets = targets.map((target) => new URL(target));
  }

  /** Cloudflare sets these two headers in production; here the caller says where it wants to be seen. */
  send(from: Origin, ask: Ask): void {
    const target = this.#targets[from.region % this.#targets.length];
    if (target === undefined) throw new Error("there is no region to call");
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      this.counts.skipped += 1;
      return;
    }
    this.#inFlight += 1;
    this.counts.sent += 1;
    const headers: Record<string, string> = { ...ask.headers, "CF-Connecting-IP": from.address, "CF-IPCountry": from.country };
    if (ask.body !== undefined) headers["Content-Length"] = String(Buffer.byteLength(ask.body));
    const { hostname, port } = target;
    const request = httpRequest({ agent: this.#agent, hostname, port, method: ask.method, path: ask.path, headers });
    let status = 0;
    request.setTimeout(TIMEOUT_MS, () => request.destroy());
    request.on("response", (response) => {
      status = response.statusCode ?? 0;
      response.resume();
    });
    // What went wrong is counted when the request closes.
    request.on("error", () => {});
    request.on("close", () => this.#done(status));
    request.end(ask.body);
  }

  /** Waits until nothing is under way, then closes the connections. */
  async close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#agent.destroy();
  }

  #done(status: number): void {
    this.#inFlight -= 1;
    if (status === 0) this.counts.failed += 1;
    else this.counts.statuses.set(status, (this.counts.statuses.get(status) ?? 0) + 1);
    if (this.#inFlight > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

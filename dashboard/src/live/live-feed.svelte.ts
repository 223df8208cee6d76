import { SvelteMap } from "svelte/reactivity";
import type { LiveEvent, LiveMessage } from "../api-types.ts";
import { EventLog } from "./event-log.ts";
import { PulseRing } from "./pulse-ring.ts";
import { RateMeter } from "./rate-meter.ts";
import { RegionStream, type StreamState } from "./region-stream.ts";
import type { ServerClock } from "./server-clock.ts";

const REGIONS_MAX = 32;

/** What one region's stream has told. Replaced, not changed, so that readers of one region see only its news. */
export interface RegionLive {
  state: StreamState;
  /** Server time of the last message, null before the first. */
  heardMs: number | null;
  ring: PulseRing;
  /** Counts messages: the ring itself is not reactive. */
  version: number;
}

/** All regions' live streams as one: their events in one log, their pulses in one ring each. */
export class LiveFeed {
  readonly regions = new SvelteMap<string, RegionLive>();
  rows = $state.raw<readonly LiveEvent[]>([]);
  paused = $state(false);
  waiting = $state(0);
  unseen = $state(0);
  policyVersion = $state(0);

  readonly #log = new EventLog();
  readonly #meter = new RateMeter();
  readonly #streams = new Map<string, RegionStream>();
  readonly #clock: ServerClock;

  constructor(clock: ServerClock) {
    this.#clock = clock;
  }

  /** Opens streams for regions that are new; those known stay open. */
  watch(names: readonly string[]): void {
    for (const region of names) {
      if (this.#streams.has(region) || this.#streams.size >= REGIONS_MAX) continue;
      const stream = new RegionStream(region, {
        open: (url) => new WebSocket(url),
        after: (ms, then) => {
          const timer = setTimeout(then, ms);
          return () => clearTimeout(timer);
        },
        random: Math.random,
        onMessage: (message) => this.#hear(message),
        onState: (name, state) => this.#change(name, { state }),
      });
      this.#streams.set(region, stream);
      stream.start();
    }
  }

  hurry(): void {
    for (const stream of this.#streams.values()) stream.hurry();
  }

  stop(): void {
    for (const stream of this.#streams.values()) stream.stop();
    this.#streams.clear();
  }

  pause(): void {
    this.#log.pause();
    this.#publish();
  }

  resume(): void {
    this.#log.resume();
    this.#publish();
  }

  /** Requests shown and seen a second, over the last seconds. */
  rates(nowMs: number): { shown: number; seen: number } {
    return this.#meter.rates(nowMs);
  }

  #hear(message: LiveMessage): void {
    const ring = this.regions.get(message.region)?.ring ?? new PulseRing();
    if (message.type === "hello") ring.replace(message.pulse);
    else {
      ring.update(message.pulse);
      this.#meter.mark(Date.now(), message.events.length, message.skipped);
      this.policyVersion = Math.max(this.policyVersion, message.policyVersion);
    }
    this.#clock.heard(message.nowMs, Date.now());
    this.#change(message.region, { ring, heardMs: message.nowMs });
    this.#log.add(message.events);
    this.#publish();
  }

  #change(region: string, change: Partial<RegionLive>): void {
    const known = this.regions.get(region) ?? { state: "connecting", heardMs: null, ring: new PulseRing(), version: 0 };
    this.regions.set(region, { ...known, ...change, version: known.version + 1 });
  }

  #publish(): void {
    this.rows = this.#log.rows;
    this.paused = this.#log.paused;
    this.waiting = this.#log.waiting;
    this.unseen = this.#log.unseen;
  }
}

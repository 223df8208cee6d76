import type { LiveHello, LiveTick } from "./live-message.ts";
import { PULSE_STEP_MS, type PulseStep } from "./pulse.ts";
import type { SampledEvent } from "./report.ts";

const MAX_SOCKETS = 64;
const HELLO_STEPS = 450;
const HELLO_EVENTS = 100;
const TICK_EVENTS = 40;

/** What the region shows of the present: the last events, and the next tick's. Bounded whatever is reported. */
export class LiveFeed {
  #last: SampledEvent[] = [];
  #next: SampledEvent[] = [];
  #requests = 0;
  #offered = 0;

  /** A report's samples and how many requests they were taken from. */
  add(samples: readonly SampledEvent[], requests: number): void {
    this.#requests += requests;
    for (const sample of samples) this.#offer(sample);
  }

  get isQuiet(): boolean {
    return this.#requests === 0 && this.#offered === 0;
  }

  hello(region: string, nowMs: number, pulse: (fromMs: number, toMs: number) => (PulseStep | null)[]): LiveHello {
    const fromMs = (Math.floor(nowMs / PULSE_STEP_MS) - HELLO_STEPS + 1) * PULSE_STEP_MS;
    return {
      type: "hello",
      region,
      nowMs,
      pulse: { stepMs: PULSE_STEP_MS, fromMs, steps: pulse(fromMs, nowMs) },
      events: this.#last,
    };
  }

  /** The events to show since the last call, oldest first, and how many requests they leave out. */
  take(): { events: SampledEvent[]; skipped: number } {
    const events = this.#next.sort((a, b) => a.timeMs - b.timeMs);
    const skipped = Math.max(0, this.#requests - events.length);
    this.#last = [...this.#last, ...events].slice(-HELLO_EVENTS);
    this.#next = [];
    this.#requests = 0;
    this.#offered = 0;
    return { events, skipped };
  }

  /** Beyond the bound the largest priority stays: the same rule as the stored sample's, so rare strata are not crowded out. */
  #offer(sample: SampledEvent): void {
    this.#offered++;
    if (this.#next.length < TICK_EVENTS) {
      this.#next.push(sample);
      return;
    }
    let least = 0;
    for (let index = 1; index < this.#next.length; index++) {
      if ((this.#next[index]?.priority ?? 0) < (this.#next[least]?.priority ?? 0)) least = index;
    }
    if (sample.priority > (this.#next[least]?.priority ?? 0)) this.#next[least] = sample;
  }
}

/** Accepts a live WebSocket that hibernates; 503 when there are too many. */
export function acceptLive(context: DurableObjectState, request: Request, hello: LiveHello): Response {
  if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") return new Response(null, { status: 426 });
  if (context.getWebSockets().length >= MAX_SOCKETS) return new Response(null, { status: 503 });
  const { 0: client, 1: server } = new WebSocketPair();
  context.acceptWebSocket(server);
  server.send(JSON.stringify(hello));
  return new Response(null, { status: 101, webSocket: client });
}

/** Sends to every listener; one that cannot take it is closed and comes back for a new hello. */
export function broadcast(sockets: readonly WebSocket[], tick: LiveTick): void {
  const message = JSON.stringify(tick);
  for (const socket of sockets) {
    try {
      socket.send(message);
    } catch {
      closeQuietly(socket);
    }
  }
}

function closeQuietly(socket: WebSocket): void {
  try {
    socket.close(1013, "try again later");
  } catch {
    // It is closed already.
  }
}

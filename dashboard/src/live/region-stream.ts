import type { LiveMessage } from "../api-types.ts";
import { readLiveMessage } from "../client.ts";
import { reconnectDelayMs } from "./backoff.ts";

export type StreamState = "connecting" | "open" | "waiting";

export interface StreamHost {
  open(url: string): WebSocket;
  after(ms: number, then: () => void): () => void;
  random(): number;
  onMessage(message: LiveMessage): void;
  onState(region: string, state: StreamState): void;
}

/** One region's WebSocket, opened again with backoff for as long as the page wants it. */
export class RegionStream {
  readonly #region: string;
  readonly #host: StreamHost;
  #socket: WebSocket | null = null;
  #cancelWait: (() => void) | null = null;
  #attempt = 0;
  #stopped = false;

  constructor(region: string, host: StreamHost) {
    this.#region = region;
    this.#host = host;
  }

  start(): void {
    if (this.#stopped) return;
    this.#host.onState(this.#region, "connecting");
    const socket = this.#host.open(`/_picket/api/v1/live?${new URLSearchParams({ region: this.#region })}`);
    this.#socket = socket;
    socket.onopen = () => this.#host.onState(this.#region, "open");
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? readLiveMessage(data) : undefined;
      if (!message || message.region !== this.#region) return;
      // Only a stream that speaks has recovered: a server that accepts and closes at once is not to be hammered.
      this.#attempt = 0;
      this.#host.onMessage(message);
    };
    socket.onclose = () => this.#wait();
  }

  /** Tries at once, where a wait is under way (the network has come back). */
  hurry(): void {
    if (!this.#cancelWait) return;
    this.#cancelWait();
    this.#cancelWait = null;
    this.start();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelWait?.();
    if (this.#socket) this.#socket.onclose = null;
    this.#socket?.close();
  }

  #wait(): void {
    if (this.#stopped) return;
    this.#host.onState(this.#region, "waiting");
    const delayMs = reconnectDelayMs(this.#attempt++, this.#host.random());
    this.#cancelWait = this.#host.after(delayMs, () => {
      this.#cancelWait = null;
      this.start();
    });
  }
}

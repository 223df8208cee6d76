import type { PulseStep } from "./pulse.ts";
import type { SampledEvent } from "./report.ts";

/** What the region's live stream sends first, and again whenever the socket is opened anew. */
export interface LiveHello {
  type: "hello";
  region: string;
  nowMs: number;
  pulse: { stepMs: number; fromMs: number; steps: (PulseStep | null)[] };
  /** The last ones seen, oldest first. */
  events: SampledEvent[];
}

/** What it sends at most once a second. */
export interface LiveTick {
  type: "tick";
  region: string;
  nowMs: number;
  /** Requests since the object's incarnation began. */
  reported: number;
  /** Steps that changed, absolute values. */
  pulse: ({ t: number } & PulseStep)[];
  events: SampledEvent[];
  /** Requests of this tick that are not among `events`. */
  skipped: number;
  policyVersion: number;
}

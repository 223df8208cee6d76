import type { Random } from "../random.ts";
import type { Caller } from "./caller.ts";
import type { Secrets } from "./device-token.ts";

/** One kind of caller. */
export interface Actor {
  /** Requests a second that it means to send at this moment. */
  rate(elapsedSeconds: number): number;
  act(nowMs: number): void | Promise<void>;
}

/** What everyone plays on. */
export interface Stage {
  caller: Pick<Caller, "send">;
  random: Random;
  regions: number;
  devices: number;
  secrets: Secrets;
}

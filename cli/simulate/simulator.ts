import { type Random, seededRandom } from "../random.ts";
import { type Actor, cast } from "./actors.ts";
import { Caller, type CallerCounts } from "./caller.ts";
import type { Secrets } from "./device-token.ts";

export interface SimulatorOptions {
  /** Base address of each region's listener. */
  targets: readonly string[];
  /** The same seed sends the same requests in the same order. */
  seed: number;
  /** Honest devices. */
  devices: number;
  secrets: Secrets;
  nowMs(): number;
}

export interface Simulator {
  counts: CallerCounts;
  /** Ends the traffic and waits for what is under way. */
  stop(): Promise<void>;
}

const TICK_MS = 100;

/**
 * What everyone does in one tick. Simulated time counts ticks, not milliseconds: on a slow machine the same requests come
 * later, not other ones.
 */
export async function playTick(actors: readonly Actor[], random: Random, tick: number, nowMs: () => number): Promise<void> {
  const elapsedSeconds = (tick * TICK_MS) / 1000;
  for (const actor of actors) {
    const count = random.poisson((actor.rate(elapsedSeconds) * TICK_MS) / 1000);
    for (let i = 0; i < count; i++) await actor.act(nowMs());
  }
}

/** Plays simulated devices, a partner and a few attackers against gateways until it is stopped. */
export function startSimulator({ targets, seed, devices, secrets, nowMs }: SimulatorOptions): Simulator {
  const caller = new Caller(targets);
  const random = seededRandom(seed);
  const actors = cast({ caller, random, regions: targets.length, devices, secrets });
  let ticks = 0;
  let acting: Promise<void> | null = null;

  const tick = () => playTick(actors, random, ticks++, nowMs);
  const timer = setInterval(() => {
    acting ??= tick().finally(() => {
      acting = null;
    });
  }, TICK_MS);

  const stop = async () => {
    clearInterval(timer);
    await acting;
    await caller.close();
  };
  return { counts: caller.counts, stop };
}

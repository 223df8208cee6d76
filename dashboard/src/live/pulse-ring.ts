import type { Step } from "../api-types.ts";

/** 15 minutes of 2 s steps: what a Region object keeps too. */
export const RING_STEPS = 450;

/** The newest steps of one region, absolute counts by their start time. Bounded: the oldest leave. */
export class PulseRing {
  readonly #steps = new Map<number, Step>();
  #stepMs = 2000;

  get stepMs(): number {
    return this.#stepMs;
  }

  /** End of the newest step, 0 while there is none. */
  get endMs(): number {
    return this.#steps.size === 0 ? 0 : Math.max(...this.#steps.keys()) + this.#stepMs;
  }

  /** Start of the oldest step, +∞ while there is none. */
  get fromMs(): number {
    return Math.min(...this.#steps.keys());
  }

  /** A hello's pulse takes the place of everything known. */
  replace(pulse: { stepMs: number; fromMs: number; steps: readonly (Step | null)[] }): void {
    this.#steps.clear();
    this.#stepMs = pulse.stepMs > 0 ? pulse.stepMs : 2000;
    pulse.steps.slice(-RING_STEPS).forEach((step, index) => {
      const position = Math.max(0, pulse.steps.length - RING_STEPS) + index;
      if (step) this.#steps.set(pulse.fromMs + position * this.#stepMs, step);
    });
  }

  /** Steps that changed, absolute values: the same tick twice changes nothing. */
  update(pulse: readonly ({ t: number } & Step)[]): void {
    for (const { t, requests, refused, shadow } of pulse) this.#steps.set(t, { requests, refused, shadow });
    if (this.#steps.size <= RING_STEPS) return;
    const oldestFirst = [...this.#steps.keys()].sort((a, b) => a - b);
    for (const t of oldestFirst.slice(0, this.#steps.size - RING_STEPS)) this.#steps.delete(t);
  }

  /** Sum of the steps that begin in [fromMs, toMs); null where none is known. */
  sum(fromMs: number, toMs: number): Step | null {
    let total: Step | null = null;
    for (let t = Math.ceil(fromMs / this.#stepMs) * this.#stepMs; t < toMs; t += this.#stepMs) {
      const step = this.#steps.get(t);
      if (step) total = addSteps(total, step);
    }
    return total;
  }
}

/** Sum of two steps; a null (not reported) adds nothing. */
export function addSteps(a: Step | null, b: Step | null): Step | null {
  if (!a || !b) return a ?? b;
  return { requests: a.requests + b.requests, refused: a.refused + b.refused, shadow: a.shadow + b.shadow };
}

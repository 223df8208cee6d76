import type { Stake } from "./picket-canvas.ts";
import type { Bars } from "./series.ts";

const SETTLED_PX = 0.25;
const SLIDE_STEPS_MAX = 3;

/**
 * Where a picket line stands between two reports: each stake grows toward its height and the line slides toward its place,
 * both exponentially, so that a step which changes in mid-motion does not jump.
 */
export class PicketMotion {
  #fromMs = 0;
  #stepMs = 0;
  #slide = 0;
  #shown: (Stake | null)[] = [];
  #goal: readonly (Stake | null)[] = [];

  get slide(): number {
    return this.#slide;
  }

  get stakes(): readonly (Stake | null)[] {
    return this.#shown;
  }

  /** New heights. Stakes keep what they show by their time; the window's own movement becomes the slide. */
  aim(bars: Bars, goal: readonly (Stake | null)[]): void {
    const moved = bars.stepMs === this.#stepMs ? Math.round((bars.fromMs - this.#fromMs) / bars.stepMs) : Number.NaN;
    const same = Math.abs(moved) <= goal.length;
    if (moved > 0 && moved <= SLIDE_STEPS_MAX) this.#slide = Math.min(SLIDE_STEPS_MAX, this.#slide + moved);
    else if (moved !== 0) this.#slide = 0;
    const ground = { allowPx: 0, shadowPx: 0, refusePx: 0 };
    this.#shown = goal.map((stake, index) => (stake ? ((same ? this.#shown[index + moved] : undefined) ?? ground) : null));
    this.#goal = goal;
    this.#fromMs = bars.fromMs;
    this.#stepMs = bars.stepMs;
  }

  /** Moves on by `elapsedMs`; true while there is still way to go. Infinity arrives at once (reduced motion). */
  advance(elapsedMs: number): boolean {
    const share = 1 - Math.exp(-elapsedMs / 110);
    let moving = false;
    const toward = (from: number, to: number) => {
      const next = from + (to - from) * share;
      if (Math.abs(to - next) < SETTLED_PX) return to;
      moving = true;
      return next;
    };
    this.#shown = this.#shown.map((stake, index) => {
      const goal = this.#goal[index];
      if (!stake || !goal) return goal ?? null;
      return {
        allowPx: toward(stake.allowPx, goal.allowPx),
        shadowPx: toward(stake.shadowPx, goal.shadowPx),
        refusePx: toward(stake.refusePx, goal.refusePx),
      };
    });
    this.#slide *= 1 - share;
    if (this.#slide < 0.02) this.#slide = 0;
    return moving || this.#slide > 0;
  }
}

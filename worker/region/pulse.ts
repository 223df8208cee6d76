/** Requests of one step. */
export interface PulseStep {
  requests: number;
  refused: number;
  shadow: number;
}

export const PULSE_STEP_MS = 2000;
/** 16 minutes: 15, and one more so that a range of 15 minutes can begin at a whole minute. */
export const PULSE_STEPS = 480;

/** The recent past in short steps, in memory: a ring of absolute values, null where nothing was reported. */
export class Pulse {
  readonly #steps: (PulseStep | null)[] = new Array(PULSE_STEPS).fill(null);
  /** Number (ms / 2000) of the newest step; older than newest − PULSE_STEPS is gone. */
  #newest = 0;
  readonly #changed = new Set<number>();

  /** Spreads a report's counts over the steps that [fromMs, toMs] touches, in proportion; sums stay exact. */
  add(fromMs: number, toMs: number, counts: PulseStep): void {
    const last = Math.floor(toMs / PULSE_STEP_MS);
    const first = Math.max(Math.floor(fromMs / PULSE_STEP_MS), last - PULSE_STEPS + 1);
    this.#advance(last);
    const startMs = Math.max(fromMs, first * PULSE_STEP_MS);
    const shareUntil = (ms: number) => (toMs > startMs ? Math.min(1, (ms - startMs) / (toMs - startMs)) : 1);
    const before = { requests: 0, refused: 0, shadow: 0 };
    for (let number = first; number <= last; number++) {
      const share = number === last ? 1 : shareUntil((number + 1) * PULSE_STEP_MS);
      this.#addStep(number, counts, before, share);
    }
  }

  /** Steps from the one that holds `fromMs` to the one that holds `toMs`. */
  read(fromMs: number, toMs: number): (PulseStep | null)[] {
    const first = Math.floor(fromMs / PULSE_STEP_MS);
    const length = Math.max(0, Math.floor(toMs / PULSE_STEP_MS) - first + 1);
    return Array.from({ length }, (_, index) => this.#at(first + index));
  }

  /** Steps that changed since the last call, `t` = their start in ms. */
  takeChanged(): ({ t: number } & PulseStep)[] {
    const changed = [...this.#changed].sort((a, b) => a - b);
    this.#changed.clear();
    return changed.flatMap((number) => {
      const step = this.#at(number);
      return step ? [{ t: number * PULSE_STEP_MS, ...step }] : [];
    });
  }

  /** What `restore` takes. */
  save(): { newest: number; steps: (number[] | 0)[] } {
    return { newest: this.#newest, steps: this.#steps.map((step) => (step ? [step.requests, step.refused, step.shadow] : 0)) };
  }

  restore(saved: { newest: number; steps: (number[] | 0)[] }): void {
    if (saved.steps.length !== PULSE_STEPS) return;
    this.#newest = saved.newest;
    for (const [index, step] of saved.steps.entries()) {
      this.#steps[index] = step ? { requests: step[0] ?? 0, refused: step[1] ?? 0, shadow: step[2] ?? 0 } : null;
    }
  }

  #at(number: number): PulseStep | null {
    if (number > this.#newest || number <= this.#newest - PULSE_STEPS) return null;
    return this.#steps[number % PULSE_STEPS] ?? null;
  }

  #advance(to: number): void {
    if (to <= this.#newest) return;
    const from = Math.max(this.#newest + 1, to - PULSE_STEPS + 1);
    for (let number = from; number <= to; number++) this.#steps[number % PULSE_STEPS] = null;
    this.#newest = to;
  }

  #addStep(number: number, counts: PulseStep, before: PulseStep, share: number): void {
    if (number <= this.#newest - PULSE_STEPS) return;
    this.#changed.add(number);
    const step = this.#steps[number % PULSE_STEPS] ?? { requests: 0, refused: 0, shadow: 0 };
    for (const name of ["requests", "refused", "shadow"] as const) {
      const until = Math.round(counts[name] * share);
      step[name] += until - before[name];
      before[name] = until;
    }
    this.#steps[number % PULSE_STEPS] = step;
  }
}

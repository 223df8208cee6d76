const GRACE_MS = 10_000;

/** Ends a child that takes too long: asks first, so that it can end its own children, and kills it when it does not hear. */
export class TimeLimit {
  #limitMs;
  #timers;
  #isOver = false;

  constructor(child, limitMs) {
    this.#limitMs = limitMs;
    const ask = () => {
      this.#isOver = true;
      child.kill("SIGTERM");
    };
    this.#timers = [setTimeout(ask, limitMs), setTimeout(() => child.kill("SIGKILL"), limitMs + GRACE_MS)];
  }

  /** Why the child ended, where it was this limit. */
  error() {
    return this.#isOver ? new Error(`did not end within ${this.#limitMs / 60_000} min and was stopped`) : null;
  }

  clear() {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

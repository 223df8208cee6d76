const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/**
 * Wait before the n-th attempt to reconnect (n = 0, 1, 2 …): doubling, capped, with full jitter over its upper half, so that
 * many consoles do not return at once. `random` is in [0, 1).
 */
export function reconnectDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}

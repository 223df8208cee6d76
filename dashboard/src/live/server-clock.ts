/**
 * The server's clock as this browser can know it: the smallest difference seen between its stamps and their arrival, which is
 * the clocks' offset plus the shortest way. A browser whose clock is wrong still says "0.9 s behind" truly.
 */
export class ServerClock {
  #offsetMs: number | null = null;

  heard(serverMs: number, browserMs: number): void {
    const offset = browserMs - serverMs;
    if (this.#offsetMs === null || offset < this.#offsetMs) this.#offsetMs = offset;
  }

  now(browserMs: number): number {
    return browserMs - (this.#offsetMs ?? 0);
  }
}

import { setTimeout as delay } from "node:timers/promises";

/** Asks until the answer is something other than null, undefined or false, at most so long. */
export async function poll<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadlineMs) throw new Error(`after ${timeoutMs} ms still not: ${what}`);
    await delay(50);
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { cpuTimeUs } from "./process.ts";

const STEP_MS = 250;
/** Two ticks of /proc in a step: what an idle workerd's own housekeeping may take. */
const IDLE_US = 20_000;

/**
 * Waits until a process has finished what it was left with, such as database writes that no caller waits for: one that is
 * still at it would take the processor from the next contender.
 *
 * @returns false when it was still busy after `timeoutMs`
 */
export async function waitUntilIdle(pid: number, timeoutMs: number): Promise<boolean> {
  let before = cpuTimeUs(pid);
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += STEP_MS) {
    await sleep(STEP_MS);
    const now = cpuTimeUs(pid);
    if (now - before <= IDLE_US) return true;
    before = now;
  }
  return false;
}

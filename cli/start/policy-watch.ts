import { unwatchFile, watchFile } from "node:fs";

/** Well under the two seconds within which a new policy is in force everywhere. */
const POLL_MS = 250;

/**
 * Calls back after each change of a file, one call at a time; a change during a call is followed by another call. Polled,
 * because editors replace files and native watchers then lose them. Returns what ends it.
 */
export function watchPolicy(file: string, changed: () => Promise<void>): () => void {
  let running = false;
  let again = false;
  const run = async () => {
    again = running;
    if (running) return;
    running = true;
    do {
      again = false;
      await changed();
    } while (again);
    running = false;
  };
  const listener = () => void run();
  watchFile(file, { interval: POLL_MS, persistent: false }, listener);
  return () => unwatchFile(file, listener);
}

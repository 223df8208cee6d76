import { Agent, request } from "node:http";

export interface Call {
  path: string;
  headers: Record<string, string>;
}

export interface OpenLoopReport {
  /** From the moment each call was due until its answer had ended: a call that had to wait for its turn waits in here. */
  latenciesMs: number[];
  /** Answers that were not 200, and calls that failed. */
  failures: number;
}

/**
 * Calls at a fixed rate, whether or not the ones before were answered: a client that waits for answers would send least when
 * the server is slowest, and its percentiles would not show it (Tene's coordinated omission).
 */
export async function openLoop(
  port: number,
  perSecond: number,
  seconds: number,
  callOf: (i: number) => Call,
): Promise<OpenLoopReport> {
  const agent = new Agent({ keepAlive: true });
  const report: OpenLoopReport = { latenciesMs: [], failures: 0 };
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let i = 0; i < perSecond * seconds; i++) {
    const dueMs = startMs + (i * 1000) / perSecond;
    await until(dueMs);
    calls.push(
      call(agent, port, callOf(i)).then((status) => {
        report.latenciesMs.push(performance.now() - dueMs);
        if (status !== 200) report.failures++;
      }),
    );
  }
  await Promise.all(calls);
  agent.destroy();
  return report;
}

/** Timers are whole milliseconds and late: the last one is waited for by turns of the event loop. */
async function until(dueMs: number): Promise<void> {
  const sleepMs = Math.floor(dueMs - performance.now() - 1);
  if (sleepMs > 0) await new Promise((resolve) => setTimeout(resolve, sleepMs));
  while (performance.now() < dueMs) await new Promise((resolve) => setImmediate(resolve));
}

/** The status, 0 = the call failed. */
function call(agent: Agent, port: number, { path, headers }: Call): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ agent, host: "127.0.0.1", port, path, headers }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
      response.once("error", () => resolve(0));
    });
    sent.once("error", () => resolve(0));
    sent.end();
  });
}

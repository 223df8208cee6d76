import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

/** The longest that a single test or hook may take is 2 min (vitest.config.ts); after that vitest says something. */
const LIMIT_MS = 300_000;

interface Options {
  limitMs?: number;
  end?: (message: string) => void;
}

/**
 * Ends a run that stands still, and names what it waits for. Time limits of tests do not see a file whose tests have passed and
 * whose worker never says so.
 */
export default class StallReporter implements Reporter {
  readonly #limitMs: number;
  readonly #end: (message: string) => void;
  readonly #running = new Set<TestModule>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ limitMs = LIMIT_MS, end = endRun }: Options = {}) {
    this.#limitMs = limitMs;
    this.#end = end;
  }

  onTestRunStart(): void {
    this.#wait();
  }

  onTestModuleQueued(module: TestModule): void {
    this.#running.add(module);
    this.#wait();
  }

  onTestCaseResult(): void {
    this.#wait();
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module);
    this.#wait();
  }

  onTestRunEnd(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(this.#describe()), this.#limitMs);
    this.#timer.unref();
  }

  #describe(): string {
    const names = [...this.#running].map(({ project, moduleId }) => `${project.name} ${relative(project.config.root, moduleId)}`);
    const files = names.length > 0 ? names.join(", ") : "none of the files: what vitest does before or after them";
    return `picket: no test has ended for ${Math.round(this.#limitMs / 1000)} s; still running: ${files}.\n`;
  }
}

/** Exit hooks end what the run started (workerd, upstreams). */
function endRun(message: string): void {
  process.stderr.write(message);
  process.exit(1);
}

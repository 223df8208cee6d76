import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { TestModule } from "vitest/node";
import StallReporter from "./stall-reporter.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const file = (path: string) => ({ project: { name: "worker", config: { root: "/p" } }, moduleId: `/p/${path}` }) as TestModule;

function started() {
  const said: string[] = [];
  const reporter = new StallReporter({ limitMs: 60_000, end: (message) => said.push(message) });
  reporter.onTestRunStart();
  return { reporter, said };
}

it("names the files that have not ended when nothing happens any more", () => {
  const { reporter, said } = started();
  const [a, b] = [file("test/a.test.ts"), file("test/b.test.ts")];
  reporter.onTestModuleQueued(a);
  reporter.onTestModuleQueued(b);
  reporter.onTestModuleEnd(a);
  vi.advanceTimersByTime(59_999);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(said).toEqual(["picket: no test has ended for 60 s; still running: worker test/b.test.ts.\n"]);
});

it("waits for a slow run that gets on, and for nothing once it has ended", () => {
  const { reporter, said } = started();
  reporter.onTestModuleQueued(file("test/a.test.ts"));
  for (let step = 0; step < 10; step++) {
    vi.advanceTimersByTime(50_000);
    reporter.onTestCaseResult();
  }
  reporter.onTestRunEnd();
  vi.advanceTimersByTime(3_600_000);
  expect(said).toEqual([]);
});

it("says so when no file has begun", () => {
  const { said } = started();
  vi.advanceTimersByTime(60_000);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("none of the files");
});

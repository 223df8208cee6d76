import { expect, test } from "vitest";
import { seededRandom } from "../../cli/random.ts";
import { newCore, type TestCore } from "./core-fixture.ts";

const HEADER = 128;
const CELL = 16;
const TAT_MASK = (1n << 55n) - 1n;

/** Cells whose time has not passed. */
function liveCells(core: TestCore, handle: number, cells: number, nowUs: number): number {
  const words = new BigUint64Array(core.memory.buffer, handle + HEADER, (cells * CELL) / 8);
  let live = 0;
  for (let i = 0; i < cells; i++) if ((words[2 * i + 1] ?? 0n) % (TAT_MASK + 1n) > BigInt(nowUs)) live++;
  return live;
}

test("live cells stay below admitted requests of the last τ + T, whatever the number of spoofed keys", () => {
  const core = newCore({ cells: 16 });
  const cells = 4096;
  const handle = core.gcra_new(cells);
  const draw = seededRandom(3);
  const [intervalUs, toleranceUs] = [1000, 4000];
  const admitted: number[] = [];
  let nowUs = 1e15;
  for (let i = 0; i < 50_000; i++) {
    nowUs += draw.below(20);
    const waitUs = core.gcra_take(handle, draw.below(2 ** 31), draw.below(2 ** 31), intervalUs, toleranceUs, 0, nowUs);
    if (waitUs === 0) admitted.push(nowUs);
    if (i % 1000 !== 0) continue;
    const recent = admitted.filter((time) => time > nowUs - toleranceUs - intervalUs).length;
    const live = liveCells(core, handle, cells, nowUs);
    expect(live).toBeLessThanOrEqual(recent);
    expect(live).toBeGreaterThan(0);
  }
  expect(core.gcra_evictions(handle)).toBe(0);
});

test("dead entries are invisible: a table full of them answers as an empty one does", () => {
  const core = newCore({ cells: 16 });
  const [used, fresh] = [core.gcra_new(64), core.gcra_new(64)];
  const draw = seededRandom(11);
  const strict = 1;
  let nowUs = 1e15;
  for (let i = 0; i < 10_000; i++) core.gcra_take(used, draw.below(2 ** 31), draw.below(2 ** 31), 1000, 5000, strict, nowUs++);
  // Every debt of at most τ + T, and every floor, has passed.
  nowUs += 6001;
  expect(liveCells(core, used, 64, nowUs)).toBe(0);
  for (let i = 0; i < 3000; i++) {
    nowUs += draw.below(300);
    const key = draw.below(24);
    const take = (handle: number) => core.gcra_take(handle, Math.imul(key, 0x9e3779b1), key, 1000, 5000, strict, nowUs);
    expect(take(used)).toBe(take(fresh));
  }
});

test("a table never holds more than its cells, and counts each debt that it gives up", () => {
  const core = newCore({ cells: 16 });
  const handle = core.gcra_new(64);
  const draw = seededRandom(5);
  const requests = 5000;
  for (let i = 0; i < requests; i++) core.gcra_take(handle, draw.below(2 ** 31), draw.below(2 ** 31), 1e9, 1e9, 0, 1e15);
  expect(liveCells(core, handle, 64, 1e15) + core.gcra_evictions(handle)).toBe(requests);
});

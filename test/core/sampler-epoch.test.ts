import { describe, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { newCore, nowMs, TestGateway } from "./core-fixture.ts";

/** Requests without a policy are all refused for the same reason: one stratum, then, once it is hot, another. */
function gatewayWith(samples: number, seed = 1): TestGateway {
  return new TestGateway(newCore({ samples, seed, cells: 16 }), null);
}

interface Sent {
  id: string;
  settled: boolean;
  status: number;
  threshold: number;
  timeMs: number;
}

function take(gateway: TestGateway, atMs: number): Sent[] {
  const { core } = gateway;
  const listed = core.sample_take(atMs);
  const sent = [...new Uint32Array(core.memory.buffer, core.sample_list(), listed)].map((address) => {
    const view = new DataView(core.memory.buffer, address, abi.EVENT_SIZE);
    return {
      id: view.getBigUint64(abi.EVENT_ID, true).toString(16).padStart(16, "0"),
      settled: view.getUint8(abi.EVENT_SETTLED) === 1,
      status: view.getUint16(abi.EVENT_STATUS, true),
      threshold: view.getFloat64(abi.EVENT_THRESHOLD, true),
      timeMs: view.getFloat64(abi.EVENT_TIME_MS, true),
    };
  });
  core.sample_release();
  return sent;
}

/** One request; its ticket and id. */
function ask(gateway: TestGateway, atMs: number): { ticket: number; id: string } {
  const { ticket } = gateway.decide({ nowMs: atMs });
  return { ticket, id: gateway.verdict.eventId };
}

const settle = (gateway: TestGateway, ticket: number, status = 200) => gateway.core.settle(ticket, -1, status, 0, 5, 1, 2);

describe("an epoch", () => {
  test("lists what is settled; what is not waits, with its threshold final, for a later take", () => {
    const gateway = gatewayWith(4);
    const asked = Array.from({ length: 20 }, () => ask(gateway, nowMs));
    const kept = new Map(asked.map(({ ticket, id }) => [id, ticket]));
    for (const { ticket } of asked.slice(0, 10)) settle(gateway, ticket);
    const first = take(gateway, nowMs + 1000);
    expect(first.length).toBeLessThanOrEqual(4);
    expect(first.every(({ settled, status }) => settled && status === 200)).toBe(true);
    for (const ticket of kept.values()) settle(gateway, ticket, 404);
    const second = take(gateway, nowMs + 2000);
    expect(first.length + second.length).toBe(4);
    expect(second.every(({ settled, status }) => settled && status === 404)).toBe(true);
    const thresholds = new Set([...first, ...second].map(({ threshold }) => threshold));
    expect([...thresholds].every((threshold) => threshold > 1)).toBe(true);
    expect(thresholds.size).toBe(1);
    expect(take(gateway, nowMs + 3000)).toEqual([]);
  });

  test("lets a record go after 60 s without an answer, and no earlier", () => {
    const gateway = gatewayWith(4);
    const { id, ticket } = ask(gateway, nowMs);
    expect(take(gateway, nowMs + 1000)).toEqual([]);
    expect(take(gateway, nowMs + 59_999)).toEqual([]);
    expect(take(gateway, nowMs + 60_000)).toMatchObject([{ id, settled: false, status: 0 }]);
    settle(gateway, ticket);
    expect(take(gateway, nowMs + 61_000)).toEqual([]);
  });

  test("lists everything at the end of a policy", () => {
    const gateway = gatewayWith(4);
    for (let i = 0; i < 4; i++) ask(gateway, nowMs);
    take(gateway, nowMs + 1);
    for (let i = 0; i < 4; i++) ask(gateway, nowMs);
    expect(take(gateway, Number.POSITIVE_INFINITY).length).toBe(8);
  });

  test("sends the oldest unsettled and counts it when more wait than there is room for", () => {
    const gateway = gatewayWith(1);
    const room = abi.STRATA; // as many as an epoch can keep
    const sent: Sent[] = [];
    for (let i = 0; i < room + 3; i++) {
      ask(gateway, nowMs + i);
      sent.push(...take(gateway, nowMs + i));
    }
    expect(sent.map(({ timeMs }) => timeMs - nowMs)).toEqual([0, 1, 2]);
    expect(sent.every(({ settled }) => !settled)).toBe(true);
    expect(gateway.core.unsampled_count()).toBe(3);
  });
});

test("a late settle of a slot that was given away changes nothing", () => {
  const gateway = gatewayWith(1);
  const asked = Array.from({ length: abi.HOT_REQUESTS }, () => ask(gateway, nowMs));
  const tickets = asked.filter(({ ticket }) => ticket >= 0);
  expect(tickets.length).toBeGreaterThan(1); // the slot had several owners
  const last = tickets.at(-1);
  for (const { ticket } of tickets.slice(0, -1)) settle(gateway, ticket, 500);
  settle(gateway, last?.ticket ?? -1, 201);
  expect(take(gateway, nowMs)).toMatchObject([{ id: last?.id, status: 201 }]);
});

test("k changes with the next epoch, within what the boot allotted", () => {
  const gateway = gatewayWith(4);
  const kept = (n: number) => {
    for (let i = 0; i < n; i++) settle(gateway, ask(gateway, nowMs).ticket);
    gateway.core.stats_clear();
    return take(gateway, nowMs).length;
  };
  gateway.core.sample_resize(2);
  expect(kept(20)).toBe(4);
  expect(kept(20)).toBe(2);
  gateway.core.sample_resize(1000);
  expect(kept(20)).toBe(2);
  expect(kept(20)).toBe(4);
  gateway.core.sample_resize(-5);
  kept(20);
  expect(kept(20)).toBe(1);
});

test("every request is stood for: estimates of one busy epoch add up to its requests, over seeds", () => {
  let total = 0;
  const seeds = 200;
  for (let seed = 1; seed <= seeds; seed++) {
    const gateway = gatewayWith(32, seed);
    for (let i = 0; i < 1000; i++) ask(gateway, nowMs);
    for (const { threshold } of take(gateway, Number.POSITIVE_INFINITY)) total += Math.max(1, threshold);
  }
  // One run's relative deviation is about 1 / √k.
  expect(Math.abs(total / seeds / 1000 - 1)).toBeLessThan(4 / Math.sqrt(32 * seeds));
});

import { expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { bootCore } from "../../worker/engine/core.ts";
import { coreModule, type TestCore, TestGateway } from "./core-fixture.ts";
import { sipHash } from "./siphash-reference.ts";

test("the reference is SipHash-2-4: vectors of its authors", () => {
  const key = Uint8Array.from({ length: 16 }, (_, i) => i);
  const message = (length: number) => Uint8Array.from({ length }, (_, i) => i);
  expect(sipHash(key, message(0))).toBe(0x726fdb47dd0e0e31n);
  expect(sipHash(key, message(1))).toBe(0x74f839c593dc67fdn);
  expect(sipHash(key, message(8))).toBe(0x93f5f5799a932462n);
  expect(sipHash(key, message(15))).toBe(0xa129ca6149be45e5n);
});

test("an event id is SipHash-2-4 of a counter under the isolate's secret, and its u is uniform", () => {
  const secret = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
  const core = bootCore(coreModule, secret, 16, 1) as TestCore;
  // The secret does not stay behind where a token's text will stand.
  expect(new Uint8Array(core.memory.buffer, abi.SCRATCH, 32).every((byte) => byte === 0)).toBe(true);
  const gateway = new TestGateway(core, null);
  const ids: bigint[] = [];
  for (let counter = 1n; counter <= 2000n; counter++) {
    gateway.decide();
    const id = BigInt(`0x${gateway.verdict.eventId}`);
    const message = new Uint8Array(8);
    new DataView(message.buffer).setBigUint64(0, counter, true);
    expect(id).toBe(sipHash(secret.subarray(16), message));
    ids.push(id);
  }
  expect(new Set(ids).size).toBe(ids.length);
  // Kolmogorov–Smirnov at 0.1 %: 1.95 / √n.
  const us = ids.map(uniform).sort((a, b) => a - b);
  const distance = Math.max(...us.map((u, i) => Math.max(Math.abs(u - i / us.length), Math.abs(u - (i + 1) / us.length))));
  expect(distance).toBeLessThan(1.95 / Math.sqrt(us.length));
});

test("a sampled record's priority is 1 / u of its own id", () => {
  const core = bootCore(coreModule, new Uint8Array(32).fill(5), 16, 8) as TestCore;
  const gateway = new TestGateway(core, null);
  for (let i = 0; i < 100; i++) gateway.decide();
  const listed = core.sample_take(Number.POSITIVE_INFINITY);
  expect(listed).toBe(16); // 8 while the operation was new, 8 once it was hot
  for (const address of new Uint32Array(core.memory.buffer, core.sample_list(), listed)) {
    const view = new DataView(core.memory.buffer, address, abi.EVENT_SIZE);
    expect(view.getFloat64(abi.EVENT_PRIORITY, true)).toBe(1 / uniform(view.getBigUint64(abi.EVENT_ID, true)));
    expect(view.getFloat64(abi.EVENT_PRIORITY, true)).toBeGreaterThan(view.getFloat64(abi.EVENT_THRESHOLD, true));
  }
});

/** u in (0, 1]: the finalizer of SplitMix64, its upper 53 bits. */
function uniform(id: bigint): number {
  const wrap = (x: bigint) => BigInt.asUintN(64, x);
  let x = wrap((id ^ (id >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = wrap((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  x ^= x >> 31n;
  return (Number(x >> 11n) + 1) * 2 ** -53;
}

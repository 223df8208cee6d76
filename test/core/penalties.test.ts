import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { takeRefusals } from "../../worker/engine/take-refusals.ts";
import { nameHash } from "../../worker/policy/lower-limits.ts";
import { compileText, newCore, nowMs, secretNamed, signToken, type TestCore, TestGateway } from "./core-fixture.ts";

const compiled = await compileText(`
picket: 1
services:
  - name: s
    match: { path: /s }
    upstream: http://127.0.0.1:1
    auth: [users]
    limits: [boxed]
    operations:
      - GET /s/plain
      - { method: GET, path: /s/lenient, limits: [lenient] }
      - { method: GET, path: /s/strict, limits: [lenient, hourly] }
  - { name: open, match: { path: /open }, upstream: http://127.0.0.1:1, auth: [], limits: [from-address], operations: [GET /open] }
  - { name: free, match: { path: /free }, upstream: http://127.0.0.1:1, auth: [users], limits: [lenient], operations: [GET /free] }
authenticators:
  - { name: users, type: jwt, issuer: https://u, audience: a, keys: [{ secret: env:U }], kind: user }
limits:
  - { name: boxed, by: principal, rate: [2/1m, 100/1h], penalty: { after: 3 } }
  - { name: lenient, by: principal, rate: 3/1m }
  - { name: hourly, by: principal, rate: 1/1h, penalty: { after: 3 } }
  - { name: from-address, by: address, rate: 1/1m, penalty: { after: 3 } }
`);

let gateway: TestGateway;
beforeEach(() => {
  gateway = new TestGateway(newCore({ cells: 1 << 12 }), compiled.image);
});

function call(sub: string, path = "/s/plain", atMs = nowMs, address = "192.0.2.1") {
  const token = signToken({ iss: "https://u", aud: "a", sub, exp: nowMs / 1000 + 9_000_000 }, secretNamed("env:U"));
  return gateway.decide({ path, credentials: [path === "/open" ? null : `Bearer ${token}`], nowMs: atMs, address }).reason;
}

const listed = () => takeRefusals(gateway.core, compiled.meta).sort((a, b) => (a.key < b.key ? -1 : 1));

function block(key: string, untilMs: number, atMs = nowMs): number {
  const [high, low] = [Number.parseInt(key.slice(0, 8), 16), Number.parseInt(key.slice(8), 16)];
  return gateway.core.block_set(low, high, untilMs, atMs);
}

/** The key of a principal under `boxed`, as its refusal tells it; what was counted of it by then is forgotten a while later. */
function keyOf(sub: string, path?: string, address?: string): string {
  let key = "";
  for (let i = 0; i < 5 && key === ""; i++) {
    call(sub, path, nowMs, address);
    key = listed()[0]?.key ?? "";
  }
  return key;
}
const LATER = nowMs + 7_200_000;

test("a refusal by a limit with a penalty is listed by its key, with who came", () => {
  expect([1, 2, 3, 4].map(() => call("ann"))).toEqual([0, 0, abi.REASON_RATE_LIMITED, abi.REASON_RATE_LIMITED]);
  call("bob", "/free");
  expect(listed()).toEqual([
    {
      ...{ limit: "boxed", window: 0, key: expect.stringMatching(/^[0-9a-f]{16}$/), authenticator: "users", principal: "ann" },
      ...{ address: "192.0.2.1", refusals: 2, knocks: 0 },
    },
  ]);
  expect(listed()).toEqual([]);
});

test("a refusal by a limit without one is not", () => {
  for (let i = 0; i < 9; i++) call("ann", "/free");
  expect(listed()).toEqual([]);
  expect(gateway.core.refusals_unlisted()).toBe(0);
});

test("a caller that is nobody is listed by its address", () => {
  for (let i = 0; i < 3; i++) call("", "/open", nowMs, "2001:db8::1");
  expect(listed()).toMatchObject([
    { limit: "from-address", authenticator: "", principal: "", address: "2001:db8::1", refusals: 2 },
  ]);
});

test("a blocked key is refused until the block ends, by every window's key of its own, and is charged nothing", () => {
  const key = keyOf("ann");
  call("bob");
  expect(block(key, LATER + 1500.5)).toBe(1);
  for (let i = 0; i < 3; i++) expect(call("ann", "/s/strict", LATER)).toBe(abi.REASON_BLOCKED);
  expect(gateway.verdict).toMatchObject({ remaining: 0, retryMs: 1501, resetMs: 1501, limit: 0 });
  expect(call("ann", "/free", LATER)).toBe(abi.REASON_NONE);
  expect(call("bob", "/s/plain", LATER)).toBe(abi.REASON_NONE);
  expect(call("ann", "/s/strict", LATER + 1500)).toBe(abi.REASON_BLOCKED);
  expect(listed()).toMatchObject([{ key, refusals: 0, knocks: 4, principal: "ann" }]);
  // As if nothing had been asked for meanwhile: the whole burst, of all three limits.
  expect(call("ann", "/s/strict", LATER + 1501)).toBe(abi.REASON_NONE);
});

test("of two blocks the longer one is told", () => {
  const key = keyOf("ann");
  for (let i = 0; i < 2; i++) call("ann", "/s/strict", LATER);
  const hourly = listed().find(({ limit }) => limit === "hourly")?.key ?? "";
  block(key, LATER + 5000);
  block(hourly, LATER + 5000 + 1000);
  const at = LATER + 5000 - 500;
  expect(call("ann", "/s/strict", at)).toBe(abi.REASON_BLOCKED);
  expect(compiled.meta.limits[gateway.verdict.limit]?.name).toBe("hourly");
  expect(gateway.verdict.retryMs).toBe(1500);
  expect(call("ann", "/s/plain", at)).toBe(abi.REASON_BLOCKED);
  expect(gateway.verdict.retryMs).toBe(500);
});

test("a block ends when it is lifted, and what is no instant lifts it", () => {
  const key = keyOf("ann");
  for (const untilMs of [0, LATER, LATER - 1, Number.NaN, Number.NEGATIVE_INFINITY]) {
    block(key, LATER + 1000);
    expect(call("ann", "/s/plain", LATER)).toBe(abi.REASON_BLOCKED);
    block(key, untilMs, LATER);
    expect(call("ann", "/s/plain", LATER)).not.toBe(abi.REASON_BLOCKED);
  }
});

test("a preflight is held to blocks of addresses alone", () => {
  const key = keyOf("", "/open", "192.0.2.9");
  block(key, LATER + 1000);
  const flags = abi.FLAG_PREFLIGHT;
  const preflight = (path: string) =>
    gateway.decide({ method: "OPTIONS", path, flags, nowMs: LATER, address: "192.0.2.9" }).reason;
  expect(preflight("/open")).toBe(abi.REASON_BLOCKED);
  expect(preflight("/s/plain")).toBe(abi.REASON_NONE);
});

test("every refusal is in the list or counted as missing, whoever comes; knocking leaves room for others", () => {
  const calls = 1200;
  for (let i = 0; i < calls; i++) for (let n = 0; n < 3; n++) call(`p${i}`);
  const all = listed();
  const total = all.reduce((sum, { refusals }) => sum + refusals, 0);
  expect(total + gateway.core.refusals_unlisted()).toBe(calls);
  expect(all.length).toBeGreaterThan(abi.MAX_REFUSED_KEYS * 0.9);
  expect(all.length).toBeLessThanOrEqual(abi.MAX_REFUSED_KEYS);
  for (const { key } of all) block(key, LATER + 1000);
  for (const { principal } of all) expect(call(principal, "/s/plain", LATER)).toBe(abi.REASON_BLOCKED);
  expect(listed().length).toBe(64);
});

test("a principal is cut at a character", () => {
  const names = ["é".repeat(60), `a${"é".repeat(60)}`, "😀".repeat(40), `ab${"😀".repeat(40)}`, "\u202e<script>", "ok"];
  const cutAt96 = (text: string) => text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(96)).read);
  for (const name of names) for (let i = 0; i < 3; i++) call(name);
  expect(
    listed()
      .map(({ principal }) => principal)
      .sort(),
  ).toEqual(names.map(cutAt96).sort());
});

/** What the table holds, and that each key is found where a look-up gets to. */
function tableOf(core: TestCore, atMs: number): Map<bigint, number> {
  const view = new DataView(core.memory.buffer, abi.BLOCKS, abi.BLOCK_BUCKETS * 16);
  const at = (i: number) => view.getBigUint64((i % abi.BLOCK_BUCKETS) * 16, true);
  const found = new Map<bigint, number>();
  for (let i = 0; i < abi.BLOCK_BUCKETS; i++) {
    const key = at(i);
    if (key === 0n) continue;
    for (let j = Number(key % BigInt(abi.BLOCK_BUCKETS)); j % abi.BLOCK_BUCKETS !== i; j++) {
      expect(at(j)).not.toBe(0n);
      expect(at(j)).not.toBe(key);
    }
    const untilMs = view.getFloat64(i * 16 + 8, true);
    if (untilMs > atMs) found.set(key, untilMs);
  }
  return found;
}

const step = fc.record({
  key: fc.oneof(
    { weight: 3, arbitrary: fc.bigInt({ min: 1n, max: 40n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 2040n, max: 2060n }) },
  ),
  forMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 })),
  waitMs: fc.nat(20),
});

test("the table equals a plain map of what is in force, whatever ends, is lifted or comes again", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const core = newCore();
      const expected = new Map<bigint, number>();
      let atMs = 1000;
      for (const { key, forMs, waitMs } of steps) {
        atMs += waitMs;
        expect(core.block_set(Number(BigInt.asIntN(32, key)), Number(key >> 32n), atMs + forMs, atMs)).toBe(1);
        if (forMs > 0) expected.set(key, atMs + forMs);
        else expected.delete(key);
      }
      const inForce = [...expected].filter(([, untilMs]) => untilMs > atMs);
      expect(new Map([...tableOf(core, atMs)].sort())).toEqual(new Map(inForce.sort()));
    }),
    { numRuns: 300 },
  );
});

test("as many blocks as there may be are in force, and what is over makes room", () => {
  const { core } = gateway;
  for (let i = 1; i <= abi.MAX_BLOCKS; i++) expect(core.block_set(i * 0x1234567, i, i % 2 === 0 ? 2000 : 9000, 1000)).toBe(1);
  expect(core.block_set(1, 1_000_000, 5000, 1000)).toBe(0);
  expect(core.blocks_unkept()).toBe(1);
  expect(core.block_set(0x1234567, 1, 8000, 1000)).toBe(1);
  for (let i = 1; i <= abi.MAX_BLOCKS / 2; i++) expect(core.block_set(i * 0x7654321, i + 5000, 5000, 2000)).toBe(1);
  expect(core.block_set(2, 1_000_000, 5000, 2000)).toBe(0);
  expect(tableOf(core, 2000).size).toBe(abi.MAX_BLOCKS);
  expect(core.blocks_unkept()).toBe(2);
});

test("who is exempt from a limit is not held by its block, until the exemption ends", () => {
  block(keyOf("ann"), LATER + 3_600_000);
  const exemption = { authenticator: "users", subject: "ann", limit: nameHash("boxed"), untilMs: LATER + 1000 };
  const bytes = overlayBytes([], [], [exemption]);
  new Uint8Array(gateway.core.memory.buffer, abi.IMAGE_SLOT_1, abi.IMAGE_SIZE).set(bytes);
  expect(gateway.core.overlay_load(1, bytes.length)).toBe(abi.LOAD_OK);
  expect([LATER, LATER + 999, LATER + 1000].map((atMs) => call("ann", "/s/plain", atMs))).toEqual([0, 0, abi.REASON_BLOCKED]);
});

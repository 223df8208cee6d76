import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { compileBenchPolicy } from "../../cli/bench/fixtures/compile-policy.ts";
import { routeSet } from "../../cli/bench/fixtures/routes.ts";
import { audience, deviceTokens, forge, issuer, secret, signToken, TOKEN_BYTES } from "../../cli/bench/fixtures/tokens.ts";
import { zipfTrace } from "../../cli/bench/fixtures/zipf.ts";
import { coreFile } from "../../cli/bench/measure/bundle.ts";
import { coreCallerVerifier, fastJwtVerifiers } from "../../cli/bench/peers/caching-verifier.ts";
import { decideLoop } from "../../cli/bench/peers/decide-loop.ts";
import { BURST, coreLimiter, exactAdmissions, INTERVAL_US, peerLimiter, type Trace } from "../../cli/bench/peers/limiter.ts";
import { coreMatcher, honoMatchers } from "../../cli/bench/peers/route-matcher.ts";
import { sha256Hashers } from "../../cli/bench/peers/sha256-hasher.ts";
import { coreVerifier, peerVerifiers, type TokenVerifier } from "../../cli/bench/peers/token-verifier.ts";
import { Engine } from "../../worker/engine/engine.ts";

// The benchmarks compare like with like only if every contender does the same work: these tests hold that. None looks at time.

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await WebAssembly.compile(readFileSync(coreFile));
});

async function benchEngine(): Promise<Engine> {
  const engine = new Engine(module, { secret: new Uint8Array(32).fill(1), cells: 1 << 12, samples: 16 });
  const { image } = await compileBenchPolicy();
  expect(engine.load(image)).toEqual({ ok: true });
  return engine;
}

describe("repeats", () => {
  const nowMs = Date.now();
  const [good = ""] = deviceTokens(1, nowMs);
  const expired = signToken({ device: "device-000000", issuedSeconds: 1000, expiresSeconds: 2000 });

  it("has every contender with a cache accept a token again and again, and refuse another that is much like it", async () => {
    const verifiers = [coreCallerVerifier(await benchEngine()), ...fastJwtVerifiers({ issuer, audience, secret })];
    expect(verifiers.length).toBe(3);
    for (const verifier of verifiers) {
      const check = verifier.prepare([good, good, good, forge(good), expired, good]);
      const answers: boolean[] = [];
      for (let i = 0; i < 6; i++) answers.push(await check(i));
      expect([verifier.name, answers]).toEqual([verifier.name, [true, true, true, false, false, true]]);
    }
  });
});

describe("verify", () => {
  const nowMs = Date.now();
  const nowSeconds = Math.floor(nowMs / 1000);
  const [good = ""] = deviceTokens(1, nowMs);

  async function verifiers(): Promise<TokenVerifier[]> {
    return [coreVerifier(await benchEngine(), nowMs), ...(await peerVerifiers({ issuer, audience, secret }))];
  }

  it("is given a token of the length that its figures are quoted for", () => {
    expect(good.length).toBe(TOKEN_BYTES);
  });

  it("has every contender accept the good token and refuse a forged one", async () => {
    for (const verifier of await verifiers()) {
      expect([verifier.name, await verifier.prepare([good])(0)]).toEqual([verifier.name, true]);
      expect([verifier.name, await verifier.prepare([forge(good)])(0)]).toEqual([verifier.name, false]);
    }
  });

  it("has every contender that reads claims refuse an expired token", async () => {
    const expired = signToken({ device: "device-000000", issuedSeconds: nowSeconds - 7200, expiresSeconds: nowSeconds - 3600 });
    const readers = (await verifiers()).filter((verifier) => verifier.name !== "subtle.verify");
    expect(readers.length).toBe(3);
    for (const verifier of readers) {
      expect([verifier.name, await verifier.prepare([expired])(0)]).toEqual([verifier.name, false]);
    }
  });

  it.each([
    { issuer: "https://other.example", audience },
    { issuer, audience: "other" },
  ])("checks what it is told: %o", async (rules) => {
    const peers = (await peerVerifiers({ ...rules, secret })).filter((verifier) => verifier.name !== "subtle.verify");
    for (const verifier of peers) expect([verifier.name, await verifier.prepare([good])(0)]).toEqual([verifier.name, false]);
  });
});

describe("decide", () => {
  it("allows every caller's request, with and without settling", async () => {
    const tokens = deviceTokens(16, Date.now());
    for (const settles of [false, true]) {
      expect(decideLoop(await benchEngine(), tokens, { nowMs: Date.now(), settles, known: !settles })(10_000)).toBe(10_000);
    }
  });

  it("refuses forged tokens", async () => {
    const tokens = deviceTokens(16, Date.now()).map(forge);
    expect(decideLoop(await benchEngine(), tokens, { nowMs: Date.now(), settles: true, known: true })(100)).toBe(0);
  });
});

describe("sha256", () => {
  it("has every contender give the digest of Node's crypto", async () => {
    const message = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", message));
    for (const hasher of await sha256Hashers(module)) {
      expect([hasher.name, hasher.digest(message)]).toEqual([hasher.name, expected]);
    }
  });
});

describe("gcra", () => {
  it("has every contender admit the same of one key: of a burst what is allowed, and all that keeps to the rate", async () => {
    const startMs = 1_800_000_000_000;
    const burst: Trace = { keys: new Uint32Array(BURST + 10), keyCount: 1, stepMs: 0 };
    const core = coreLimiter(module, 16, 1);
    expect([core.run(burst, startMs), core.run(burst, startMs), core.run(burst, startMs + 6000)]).toEqual([BURST, 0, BURST]);
    expect(await peerLimiter(1).run(burst, startMs)).toBe(BURST);
    const steady: Trace = { keys: new Uint32Array(200), keyCount: 1, stepMs: INTERVAL_US / 1000 };
    expect(core.run(steady, startMs + 60_000)).toBe(200);
    expect(await peerLimiter(1).run(steady, startMs)).toBe(200);
  });

  it("admits exactly what the definition admits on a trace of many keys", () => {
    const trace: Trace = { keys: zipfTrace(1000, 50_000, 3), keyCount: 1000, stepMs: 0.5 };
    const exact = exactAdmissions(trace, 1_800_000_000_000);
    const core = coreLimiter(module, 1 << 12, 1000);
    expect(core.run(trace, 1_800_000_000_000)).toBe(exact.admitted);
    expect(exact.admitted).toBeLessThan(trace.keys.length);
    expect(core.evictions()).toBe(0);
  });
});

describe("zipf", () => {
  it("draws the first key twice as often as the second, the same for the same seed", () => {
    const draws = zipfTrace(100, 200_000, 5);
    const count = (key: number) => draws.filter((draw) => draw === key).length;
    expect(count(0) / count(1)).toBeGreaterThan(1.9);
    expect(count(0) / count(1)).toBeLessThan(2.1);
    expect(zipfTrace(100, 200_000, 5)).toEqual(draws);
  });
});

describe("route", () => {
  it.each([
    [10, "literal"],
    [10, "mixed"],
    [1000, "literal"],
    [1000, "mixed"],
  ] as const)("has every contender find the same of %i %s operations", async (operations, mix) => {
    const set = routeSet(operations, mix);
    expect(new Set(set.templates).size).toBe(operations);
    for (const matcher of [await coreMatcher(module, set), ...honoMatchers(set)]) {
      const wrong = set.paths.filter(({ path, template }) => matcher.templateOf(path) !== template);
      expect([matcher.name, wrong]).toEqual([matcher.name, []]);
      expect([matcher.run(2048), matcher.idle(2048)]).toEqual([2048, 2048]);
      expect(matcher.templateOf("/api/v2/nothing")).not.toBe(set.templates[0]);
    }
  });
});

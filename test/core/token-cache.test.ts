import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, loadImage, newCore, nowMs, type TestCore, TestGateway } from "./core-fixture.ts";
import { compactJws, newSigningKey } from "./signing-keys.ts";
import { sipHash128 } from "./siphash-reference.ts";

const key = newSigningKey("ES256", "e1");
const policy = `
picket: 1
services:
  - { name: a, match: { path: /a }, upstream: http://127.0.0.1:9000, auth: [one], operations: [GET /a/x] }
  - { name: b, match: { path: /b }, upstream: http://127.0.0.1:9000, auth: [two], operations: [GET /b/x] }
authenticators:
  - { name: one, type: jwt, issuer: i, audience: a, algorithms: [ES256], keys: [{ kid: e1, jwk: ${JSON.stringify(key.jwk)} }], clockTolerance: 0s }
  - { name: two, type: jwt, issuer: i, audience: a, algorithms: [ES256], keys: [{ kid: e1, jwk: ${JSON.stringify(key.jwk)} }], clockTolerance: 0s }
`;
const TRUST_MS = 300_000;
const REFUSED_MS = 5_000;

let image: Uint8Array;
beforeAll(async () => {
  ({ image } = await compileText(policy));
});

const header = Buffer.from('{"alg":"ES256","kid":"e1"}').toString("base64url");

/** Of the right shape; nobody verifies it here. */
function tokenOf(index: number, expS = nowMs / 1000 + 3600): string {
  const signature = Buffer.alloc(64, index).toString("base64url");
  const claims = Buffer.from(JSON.stringify({ iss: "i", aud: "a", sub: `s${index}`, exp: expS })).toString("base64url");
  return `${header}.${claims}.${signature}`;
}

class Cache {
  readonly core: TestCore = newCore();
  readonly #gateway = new TestGateway(this.core, image);

  recall(token: string, atMs = nowMs, authenticator = 0): number {
    this.#gateway.write({ credentials: [`Bearer ${token}`] });
    return this.core.token_verify(0, authenticator, atMs);
  }
  remember(token: string, found: number, atMs = nowMs, authenticator = 0): number {
    this.#gateway.write({ credentials: [`Bearer ${token}`] });
    return this.core.token_remember(0, authenticator, found, atMs);
  }
}

describe("a remembered token", () => {
  it("needs verification until it is remembered, and then none", () => {
    const cache = new Cache();
    expect(cache.recall(tokenOf(1))).toBe(abi.VERIFICATION_NEEDED);
    expect(cache.remember(tokenOf(1), abi.REASON_NONE)).toBe(abi.REASON_NONE);
    expect(cache.recall(tokenOf(1))).toBe(abi.REASON_NONE);
    expect([cache.core.token_hits(), cache.core.token_evictions()]).toEqual([1, 0]);
  });

  it("is no other token, whichever bit is flipped", () => {
    const cache = new Cache();
    const token = tokenOf(1);
    cache.remember(token, abi.REASON_NONE);
    for (let at = 0; at < token.length; at++) {
      for (let bit = 0; bit < 7; bit++) {
        const flipped = token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << bit)) + token.slice(at + 1);
        expect([at, bit, cache.recall(flipped)]).not.toEqual([at, bit, abi.REASON_NONE]);
      }
    }
    expect(cache.recall(token)).toBe(abi.REASON_NONE);
  });

  it("is remembered for one authenticator", () => {
    const cache = new Cache();
    cache.remember(tokenOf(1), abi.REASON_NONE, nowMs, 1);
    expect(cache.recall(tokenOf(1), nowMs, 0)).toBe(abi.VERIFICATION_NEEDED);
    expect(cache.recall(tokenOf(1), nowMs, 1)).toBe(abi.REASON_NONE);
  });

  it("is forgotten with the policy's image, good or refused", () => {
    const cache = new Cache();
    cache.remember(tokenOf(1), abi.REASON_NONE);
    cache.remember(tokenOf(2), abi.REASON_SIGNATURE_INVALID);
    expect(loadImage(cache.core, image, 1)).toBe(abi.LOAD_OK);
    expect(cache.recall(tokenOf(1))).toBe(abi.REASON_NONE);
    cache.core.image_activate(1);
    expect(cache.recall(tokenOf(1))).toBe(abi.VERIFICATION_NEEDED);
    expect(cache.recall(tokenOf(2))).toBe(abi.VERIFICATION_NEEDED);
  });

  it("is not valid at its exp, nor trusted for longer than five minutes, nor before it was verified", () => {
    const cache = new Cache();
    const expS = nowMs / 1000 + 60;
    cache.remember(tokenOf(1, expS), abi.REASON_NONE);
    expect(cache.recall(tokenOf(1, expS), expS * 1000 - 1)).toBe(abi.REASON_NONE);
    expect(cache.recall(tokenOf(1, expS), expS * 1000)).toBe(abi.REASON_TOKEN_EXPIRED);
    cache.remember(tokenOf(2), abi.REASON_NONE);
    expect(cache.recall(tokenOf(2), nowMs + TRUST_MS - 1)).toBe(abi.REASON_NONE);
    expect(cache.recall(tokenOf(2), nowMs + TRUST_MS)).toBe(abi.VERIFICATION_NEEDED);
    expect(cache.recall(tokenOf(2), nowMs - 1)).toBe(abi.VERIFICATION_NEEDED);
  });

  it("is refused for seconds after its signature was found bad; for any other reason only at that moment", () => {
    const cache = new Cache();
    cache.remember(tokenOf(1), abi.REASON_SIGNATURE_INVALID);
    cache.remember(tokenOf(2), abi.REASON_KEY_UNKNOWN);
    expect([1, 2].map((i) => cache.recall(tokenOf(i)))).toEqual([abi.REASON_SIGNATURE_INVALID, abi.REASON_KEY_UNKNOWN]);
    expect(cache.recall(tokenOf(1), nowMs + REFUSED_MS)).toBe(abi.REASON_SIGNATURE_INVALID);
    expect(cache.recall(tokenOf(1), nowMs + REFUSED_MS + 1)).toBe(abi.VERIFICATION_NEEDED);
    expect(cache.recall(tokenOf(2), nowMs + 1)).toBe(abi.VERIFICATION_NEEDED);
  });

  it("cannot be remembered when it is refused anyway, or for an algorithm of the core's own", () => {
    const cache = new Cache();
    expect(cache.remember(tokenOf(1, 1), abi.REASON_NONE)).toBe(abi.REASON_TOKEN_EXPIRED);
    expect(cache.remember("a.b.c", abi.REASON_NONE)).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(cache.remember(tokenOf(1), abi.REASON_NONE, nowMs, 2)).toBe(abi.REASON_POLICY_MISSING);
    const hs = compactJws(key, '{"alg":"HS256","kid":"e1"}', '{"iss":"i"}');
    expect(cache.remember(hs, abi.REASON_NONE)).toBe(abi.REASON_ALGORITHM_REFUSED);
  });
});

describe("the table", () => {
  type Step = { token: number; authenticator: number; found: number | null; afterMs: number };
  const step: fc.Arbitrary<Step> = fc.record({
    token: fc.integer({ min: 1, max: 12 }),
    authenticator: fc.integer({ min: 0, max: 1 }),
    found: fc.option(fc.constantFrom(abi.REASON_NONE, abi.REASON_SIGNATURE_INVALID, abi.REASON_KEY_UNKNOWN)),
    afterMs: fc.constantFrom(0, 0, 1, 4_000, 5_000, 5_001, 100_000, 299_999, 300_000),
  });

  /** Expiry of each token, seconds after the start. */
  const lifeS = (token: number) => token * 100;

  it("answers what a Map would", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new Cache();
        const good = new Map<string, number>();
        const refused = new Map<number, { authenticator: number; reason: number; untilMs: number }>();
        let atMs = nowMs;
        for (const { token, authenticator, found, afterMs } of steps) {
          atMs += afterMs;
          const expMs = nowMs + lifeS(token) * 1000;
          const text = tokenOf(token, expMs / 1000);
          const name = `${token} ${authenticator}`;
          const known = expectation(token, authenticator, expMs, atMs);
          expect(cache.recall(text, atMs, authenticator)).toBe(known);
          if (found === null || known !== abi.VERIFICATION_NEEDED) continue;
          cache.remember(text, found, atMs, authenticator);
          if (found === abi.REASON_NONE) good.set(name, Math.min(expMs, atMs + TRUST_MS));
          else
            refused.set(token, {
              authenticator,
              reason: found,
              untilMs: found === abi.REASON_SIGNATURE_INVALID ? atMs + REFUSED_MS : atMs,
            });
        }
        function expectation(token: number, authenticator: number, expMs: number, now: number): number {
          if (now >= expMs) return abi.REASON_TOKEN_EXPIRED;
          if (now < (good.get(`${token} ${authenticator}`) ?? 0)) return abi.REASON_NONE;
          const bad = refused.get(token); // one entry a token, the last authenticator's
          return bad?.authenticator === authenticator && now <= bad.untilMs ? bad.reason : abi.VERIFICATION_NEEDED;
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is bounded, counts what had to go, and never takes a token for another", () => {
    const cache = new Cache();
    const count = 2 * abi.TOKEN_ENTRIES;
    const tokens = Array.from({ length: count }, (_, i) => tokenOf(i % 200, nowMs / 1000 + 400 + i));
    for (const token of tokens) cache.remember(token, abi.REASON_NONE);
    let held = 0;
    for (const token of tokens) {
      const reason = cache.recall(token);
      if (reason === abi.REASON_NONE) held++;
      else if (reason !== abi.VERIFICATION_NEEDED) throw new Error(`answered ${reason}`);
    }
    expect(held + cache.core.token_evictions()).toBe(count);
    expect(held).toBeLessThanOrEqual(abi.TOKEN_ENTRIES);
    expect(held).toBeGreaterThan(abi.TOKEN_ENTRIES * 0.9);
  });

  it("keeps every good token through a flood of junk", () => {
    const cache = new Cache();
    const good = Array.from({ length: 1000 }, (_, i) => tokenOf(1, nowMs / 1000 + 400 + i));
    for (const token of good) cache.remember(token, abi.REASON_NONE);
    for (let i = 0; i < 50_000; i++) cache.remember(tokenOf(2, nowMs / 1000 + 9999 + i), abi.REASON_SIGNATURE_INVALID);
    expect(good.filter((token) => cache.recall(token) !== abi.REASON_NONE)).toEqual([]);
  });

  it("keeps tokens that are in use before those that are not", () => {
    const cache = new Cache();
    const used = Array.from({ length: 200 }, (_, i) => tokenOf(1, nowMs / 1000 + 400 + i));
    for (const token of used) cache.remember(token, abi.REASON_NONE);
    for (let i = 0; i < 2 * abi.TOKEN_ENTRIES; i++) {
      cache.remember(tokenOf(2, nowMs / 1000 + 9999 + i), abi.REASON_NONE);
      if (i % 512 === 0) for (const token of used) cache.recall(token, nowMs + 1);
    }
    const lost = used.filter((token) => cache.recall(token, nowMs + 1) !== abi.REASON_NONE).length;
    expect(lost).toBeLessThan(20); // without CLOCK's bit nearly all of them are
  });

  it("is keyed with the whole token by SipHash-2-4-128 under the isolate's secret", () => {
    const cache = new Cache();
    const token = tokenOf(3);
    cache.remember(token, abi.REASON_NONE);
    const memory = new DataView(cache.core.memory.buffer);
    const [low, high] = sipHash128(new Uint8Array(16), Buffer.from(token)); // newCore's first 16 bytes are zero
    const bucket = abi.TOKENS + (Number(low & 0x3fffn) << 8);
    const entries = [0, 1, 2, 3].map((way) => [
      memory.getBigUint64(bucket + way * abi.TOKEN_ENTRY_SIZE, true),
      memory.getBigUint64(bucket + way * abi.TOKEN_ENTRY_SIZE + 8, true),
    ]);
    expect(entries).toContainEqual([low, high]);
  });
});

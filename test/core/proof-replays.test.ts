import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compileText, loadImage, secretNamed, signToken } from "./core-fixture.ts";
import { athOf, jktOf, nowS, PossessionGateway, proofOf, signer } from "./possession-fixture.ts";

const policy = (maxAge: string) => `
picket: 1
services: [{ name: a, match: { path: / }, upstream: http://127.0.0.1:1, auth: [a], undocumented: allow }]
authenticators: [{ name: a, type: jwt, issuer: i, audience: a, algorithms: [HS256], keys: [{ secret: "env:S" }], clockTolerance: 5s, dpop: required, dpopMaxAge: ${maxAge}, verifications: { rate: 1000000/1s, burst: 100000 } }]
`;
const TOLERANCE_S = 5;
const token = signToken({ iss: "i", aud: "a", sub: "s", exp: nowS + 1e6, cnf: { jkt: jktOf(signer.jwk) } }, secretNamed("env:S"));
const proof = (jti: string, iat: number) => proofOf("/", token, { jti, iat, ath: athOf(token) });

const images = new Map<number, Uint8Array>();
beforeAll(async () => {
  for (const age of [10, 60, 600]) images.set(age, (await compileText(policy(`${age}s`))).image);
});
const gatewayOf = (age = 60) => new PossessionGateway(images.get(age) as Uint8Array);

describe("a proof is taken once in an isolate", () => {
  it("at the same moment, and until it is too old", () => {
    const gateway = gatewayOf();
    const one = proof("one", nowS);
    const reasons = [0, 0, 30, 65, 66].map((s) => gateway.dpop("/", token, one, { nowMs: (nowS + s) * 1000 }));
    expect(reasons).toEqual([
      abi.REASON_NONE,
      abi.REASON_PROOF_REPLAYED,
      abi.REASON_PROOF_REPLAYED,
      abi.REASON_PROOF_REPLAYED,
      abi.REASON_PROOF_INVALID,
    ]);
    expect(gateway.verifications).toBe(1);
  });

  it("when two requests with it wait for its signature at once", () => {
    const gateway = gatewayOf();
    const request = { path: "/", credentials: [`DPoP ${token}`], proof: proof("twice", nowS) };
    const decide = () => {
      gateway.write(request);
      return gateway.core.decide(nowS * 1000);
    };
    expect([decide(), decide()]).toEqual([abi.VERDICT_VERIFY, abi.VERDICT_VERIFY]);
    gateway.write(request);
    gateway.core.proof_remember(abi.REASON_NONE);
    expect(gateway.core.decide(nowS * 1000)).toBe(abi.VERDICT_ALLOW);
    gateway.write(request);
    gateway.core.proof_remember(abi.REASON_NONE);
    expect(gateway.core.decide(nowS * 1000)).toBe(abi.VERDICT_REFUSE);
    expect(gateway.gateway.verdict.reason).toBe(abi.REASON_PROOF_REPLAYED);
  });

  it("is not used up by a signature that was not good", () => {
    const gateway = gatewayOf();
    const good = proof("spent", nowS);
    expect(gateway.dpop("/", token, `${good.slice(0, -20)}${"A".repeat(20)}`)).toBe(abi.REASON_PROOF_INVALID);
    expect(gateway.dpop("/", token, good)).toBe(abi.REASON_NONE);
  });

  it("in any order, by any clock, under any policies", () => {
    const step = fc.record({
      jti: fc.integer({ min: 0, max: 6 }),
      issued: fc.integer({ min: 0, max: 30 }),
      clock: fc.integer({ min: -50, max: 800 }),
      image: fc.constantFrom(0, 0, 0, 10, 60, 600),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.constantFrom(10, 60, 600), (steps, first) => {
        const gateway = gatewayOf(first);
        let age = first;
        let slot = 0;
        const used = new Set<string>();
        for (const { jti, issued, clock, image } of steps) {
          if (image !== 0) {
            age = image;
            slot ^= 1;
            expect(loadImage(gateway.core, images.get(image) as Uint8Array, slot)).toBe(abi.LOAD_OK);
            gateway.core.image_activate(slot);
          }
          const name = `${jti} ${issued}`;
          const reason = gateway.dpop("/", token, proof(name, nowS + issued), { nowMs: (nowS + clock) * 1000 });
          const isFresh = issued <= clock + TOLERANCE_S && issued >= clock - age - TOLERANCE_S;
          if (!isFresh) expect(reason).toBe(abi.REASON_PROOF_INVALID);
          if (used.has(name)) expect(reason).not.toBe(abi.REASON_NONE);
          if (reason === abi.REASON_NONE) used.add(name);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("and honest ones, by a clock that moves on, are never refused", () => {
    const gateway = gatewayOf(10);
    for (let s = 0; s < 60; s++) {
      for (let i = 0; i < 20; i++) {
        const iat = nowS + s - (i % 10);
        expect(gateway.dpop("/", token, proof(`${s} ${i}`, iat), { nowMs: (nowS + s) * 1000 })).toBe(abi.REASON_NONE);
      }
    }
  });
});

describe("the table", () => {
  /** Fills as fast as the core can: the host's answer is always yes. */
  function take(gateway: PossessionGateway, jti: string, iat: number, atS = iat): number {
    const request = {
      path: "/",
      credentials: [`DPoP ${token}`],
      proof: unsigned(jti, iat),
      address: `10.0.0.${jti.length + Number(jti.at(-1) ?? 0)}`,
    };
    gateway.write(request);
    if (gateway.core.decide(atS * 1000) !== abi.VERDICT_VERIFY) return gateway.gateway.verdict.reason;
    gateway.write(request);
    gateway.core.proof_remember(abi.REASON_NONE);
    gateway.core.decide(atS * 1000);
    return gateway.gateway.verdict.reason;
  }
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = part({ typ: "dpop+jwt", alg: "ES256", jwk: signer.jwk });
  const ath = athOf(token);
  const unsigned = (jti: string, iat: number) =>
    `${head}.${part({ jti, htm: "GET", htu: "https://api.example/", iat, ath })}.AAAA`;

  it("never forgets one that could still be used: when it is full, new ones are refused, and counted", () => {
    const gateway = gatewayOf();
    const kept: number[] = [];
    let refused = 0;
    for (let i = 0; i < abi.USED_PROOF_ENTRIES * 1.1; i++) {
      const reason = take(gateway, `jti ${i}`, nowS);
      if (reason === abi.REASON_NONE) kept.push(i);
      else refused++;
      if (i === Math.floor(abi.USED_PROOF_ENTRIES * 0.7)) expect(refused).toBe(0);
    }
    expect(refused).toBeGreaterThan(0);
    expect(gateway.core.proofs_unkept()).toBe(refused);
    expect(kept.length).toBeLessThanOrEqual(abi.USED_PROOF_ENTRIES);
    expect(kept.length).toBeGreaterThan(abi.USED_PROOF_ENTRIES * 0.9);
    for (const i of kept)
      if (take(gateway, `jti ${i}`, nowS) !== abi.REASON_PROOF_REPLAYED) expect.fail(`jti ${i} was taken twice`);
    expect(take(gateway, "later 1", nowS + 67)).toBe(abi.REASON_NONE);
  });

  describe("does not bring back what gave way", () => {
    const COUNT = 30_000;
    /** Proofs of two times; the later ones stand where many of the earlier stood. */
    function worn(): PossessionGateway {
      const gateway = gatewayOf();
      for (const [name, atS] of [
        ["early", nowS],
        ["late", nowS + 66],
      ] as const) {
        for (let i = 0; i < COUNT; i++) expect(take(gateway, `${name} ${i}`, atS)).toBe(abi.REASON_NONE);
      }
      return gateway;
    }
    const takenAgain = (gateway: PossessionGateway) =>
      Array.from({ length: COUNT }, (_, i) => take(gateway, `early ${i}`, nowS)).filter((reason) => reason === abi.REASON_NONE)
        .length;

    it("when the clock is set back", () => {
      expect(takenAgain(worn())).toBe(0);
    });

    it("when another policy takes older proofs", () => {
      const gateway = worn();
      expect(loadImage(gateway.core, images.get(600) as Uint8Array, 1)).toBe(abi.LOAD_OK);
      gateway.core.image_activate(1);
      const reasons = new Set<number>();
      for (let i = 0; i < COUNT; i++) reasons.add(take(gateway, `early ${i}`, nowS, nowS + 100));
      expect([...reasons]).toEqual([abi.REASON_PROOF_REPLAYED]);
      expect(take(gateway, "new 1", nowS + 100)).toBe(abi.REASON_NONE);
    });
  });
});

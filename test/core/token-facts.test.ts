import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { deviceKey, signCwt } from "../../cli/simulate/cwt.ts";
import * as abi from "../../wasm/abi.ts";
import type { OverlayGrant, OverlayRevocation } from "../../worker/engine/overlay-bytes.ts";
import { overlayBytes } from "../../worker/engine/overlay-bytes.ts";
import { compileText, loadImage, newCore, nowMs, secretNamed, signToken, TestGateway } from "./core-fixture.ts";
import { AUD, CTI, EXP, IAT, ISS, SCOPE, SUB } from "./cwt-fixture.ts";
import { newSigningKey, signedToken } from "./signing-keys.ts";

const es = newSigningKey("ES256", "e1");
const policyText = (roles: string) => `
picket: 1
services:
  - name: a
    match: { path: /a }
    upstream: http://127.0.0.1:9000
    auth: [plain, signed, sensors, fleet, spare]
    undocumented: report
    limits: [per-claim, per-principal]
    operations:
      - GET /a/open
      - { method: GET, path: /a/write, scopes: [write] }
      - { method: GET, path: /a/rule, roles: [operator] }
      - { method: GET, path: "/a/own/{who}", bind: { who: principal } }
      - { method: GET, path: "/a/dev/{dev}", bind: { dev: "claim:dev" } }
  - { name: b, match: { path: /b }, upstream: http://127.0.0.1:9000, auth: [strict], operations: [GET /b/open] }
  - { name: c, match: { path: /c }, upstream: http://127.0.0.1:9000, auth: [spare], operations: [GET /c/open] }
authenticators:
  - { name: plain, type: jwt, issuer: https://id.test, audience: one, algorithms: [HS256], keys: [{ kid: h1, secret: env:ONE }], clockTolerance: 2s, kind: device }
  - { name: strict, type: jwt, issuer: https://id.test, audience: two, algorithms: [HS256], keys: [{ kid: h1, secret: env:ONE }], maxAge: 40s, maxLifetime: 2h, clockTolerance: 0s }
  - { name: signed, type: jwt, issuer: https://es.test, audience: one, algorithms: [ES256], keys: [{ kid: e1, jwk: ${JSON.stringify(es.jwk)} }], requireExp: false, verifications: { rate: 100000/1s, burst: 100000 } }
  - { name: sensors, type: cwt, issuer: "coap://as", audience: one, keys: [{ kid: s1, secret: env:ONE }] }
  - { name: fleet, type: cwt, issuer: "coap://fleet", audience: one, derive: { secret: env:ONE, scopes: [write] } }
  - { name: spare, type: cwt, audience: one, keys: [{ secret: env:TWO }] }
roles: ${roles}
limits:
  - { name: per-claim, by: "claim:dev", rate: 1/1s, burst: 3 }
  - { name: per-principal, by: principal, rate: 2/1s, burst: 9 }
`;
const startS = nowMs / 1000;

let image: Uint8Array;
let other: Uint8Array;
let tokens: string[];
beforeAll(async () => {
  image = (await compileText(policyText("{ operator: [], writer: [write] }"))).image;
  other = (await compileText(policyText("{ writer: [], operator: [write] }"), 2)).image;
  tokens = await makeTokens();
});

const hs = (claims: Record<string, unknown>) => signToken(claims, secretNamed("env:ONE"), { kid: "h1" });

async function makeTokens(): Promise<string[]> {
  const secret = Uint8Array.from(Buffer.from(secretNamed("env:ONE")));
  const one = { iss: "https://id.test", aud: ["one", "two"] };
  const cwt = (claims: [number, unknown][]) =>
    new Map<number, unknown>([[AUD, "one"], [IAT, startS], [EXP, startS + 30], ...claims]);
  return [
    hs({ ...one, sub: "u1", exp: startS + 60, iat: startS, scope: "read write", dev: "d1", jti: "t1" }),
    hs({ ...one, sub: "u2", exp: startS + 20.5, iat: startS - 10.5, nbf: startS + 5, roles: ["operator"], dev: 7, jti: "t2" }),
    hs({ ...one, sub: "u1", exp: startS + 7000, iat: startS + 3, roles: "writer" }),
    hs({ ...one, sub: "u3", exp: startS + 60, iat: startS, scope: "s ".repeat(250).trim(), dev: "d3" }), // does not fit
    hs({ ...one, exp: startS + 60, dev: "dé" }), // no sub: its issuer stands for it
    signedToken(es, { iss: "https://es.test", aud: "one", sub: "u1", scp: ["write", "x"], dev: "d1" }),
    signedToken(es, { iss: "https://es.test", aud: "one", sub: "u5", exp: startS + 400, roles: ["operator", "none"] }),
    await signCwt(
      secret,
      "s1",
      cwt([
        [ISS, "coap://as"],
        [SUB, "n1"],
        [CTI, Buffer.from("t1")],
        [SCOPE, "write"],
      ]),
    ),
    await signCwt(Uint8Array.from(await deviceKey(secret, "n2")), "n2", cwt([[ISS, "coap://fleet"]])),
    await signCwt(
      Uint8Array.from(Buffer.from(secretNamed("env:TWO"))),
      "any",
      cwt([
        [ISS, "coap://spare"],
        [SUB, "n3"],
      ]),
    ),
    hs({ ...one, sub: "u1", exp: startS + 60, iat: startS, jti: "bad" }).slice(0, -4),
    hs({ ...one, sub: "u9", exp: startS + 600, cnf: { jkt: "A".repeat(43) } }), // bound: refused each time without a proof
  ];
}

interface FactsCore {
  facts_hits(): number;
  facts_unfit(): number;
  facts_evictions(): number;
}

class Gateway extends TestGateway {
  readonly #forgets: boolean;
  #slot = 0;

  /** @param forgets every token counts as new, so that no facts are ever used */
  constructor(forgets = false) {
    super(newCore({ cells: 1 << 12 }), image);
    this.#forgets = forgets;
  }

  get facts(): FactsCore {
    return this.core as unknown as FactsCore;
  }

  /** Decides until there is a verdict: the host finds every signature good. */
  ask(path: string, token: string, atMs: number): number {
    if (this.#forgets) new Uint8Array(this.core.memory.buffer, abi.SEEN_TOKENS, abi.SEEN_BUCKETS * 16).fill(0);
    const request = { path, credentials: [`Bearer ${token}`], nowMs: atMs };
    let { verdict } = this.decide(request);
    if (verdict === abi.VERDICT_VERIFY) {
      this.write(request);
      this.core.token_remember(0, this.verdict.verifyAuthenticator, abi.REASON_NONE, atMs);
      ({ verdict } = this.decide(request));
    }
    return verdict;
  }

  /** All that the last verdict says, its texts in the place of their addresses. */
  said(): unknown {
    const ints = [...new Int32Array(this.core.memory.buffer, abi.VERDICT, abi.VERDICT_CLEARED / 4)];
    for (const address of [abi.VERDICT_PRINCIPAL, abi.VERDICT_SCOPES]) ints[(address - abi.VERDICT) / 4] = 0;
    const { principal, scopes } = this.verdict;
    return { ints, principal, scopes };
  }

  reload(bytes: Uint8Array): void {
    this.#slot ^= 1;
    expect(loadImage(this.core, bytes, this.#slot)).toBe(abi.LOAD_OK);
    this.core.image_activate(this.#slot);
  }

  overlay(revocations: OverlayRevocation[], grants: OverlayGrant[]): void {
    const bytes = overlayBytes(revocations, grants);
    const slot = this.#slot ^ 1;
    new Uint8Array(this.core.memory.buffer, slot === 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1, abi.IMAGE_SIZE).set(bytes);
    expect(this.core.overlay_load(slot, bytes.length)).toBe(abi.LOAD_OK);
  }
}

const always = Number.POSITIVE_INFINITY;
const revoked = (kind: OverlayRevocation["kind"], authenticator: string, subject: string, beforeMs = always) => ({
  kind,
  authenticator,
  subject,
  beforeMs,
  expiresMs: always,
});
const granted = { authenticator: "plain", principal: "u1", scopes: ["write"], fromMs: nowMs + 10_000, untilMs: nowMs + 20_000 };

const overlays: [OverlayRevocation[], OverlayGrant[]][] = [
  [[], []],
  [[revoked("token", "plain", "t1")], [granted]],
  [[revoked("principal", "signed", "u5"), revoked("issuer", "fleet", "")], []],
  [[revoked("issuer", "plain", "", nowMs + 1000), revoked("token", "sensors", "t1")], [{ ...granted, authenticator: "signed" }]],
];

const paths = [
  "/a/open",
  "/a/write",
  "/a/rule",
  "/a/own/u1",
  "/a/dev/d1",
  "/a/dev/7",
  "/a/dev/d%C3%A9",
  "/a/none",
  "/b/open",
  "/c/open",
];

type Step =
  | { do: "ask"; token: number; path: string; times: number; afterMs: number; flip: number | null }
  | { do: "reload"; image: number }
  | { do: "overlay"; list: number };

const ask: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("ask" as const),
  token: fc.nat({ max: 11 }),
  path: fc.constantFrom(...paths),
  times: fc.integer({ min: 1, max: 4 }),
  afterMs: fc.constantFrom(0, 0, 0, 1, 499, 500, 1000, 2000, 4999, 19_999, 20_000, 39_000, 299_999, -1, -1000, -20_000, 0.5),
  flip: fc.oneof({ arbitrary: fc.constant(null), weight: 8 }, { arbitrary: fc.nat({ max: 400 }), weight: 1 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: ask, weight: 12 },
  { arbitrary: fc.record({ do: fc.constant("reload" as const), image: fc.nat({ max: 1 }) }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant("overlay" as const), list: fc.nat({ max: 3 }) }), weight: 1 },
);

describe("facts about tokens", () => {
  it("change no decision, at any instant, under any policy and with any revocations", () => {
    let hits = 0;
    let unfit = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        const gateways = [new Gateway(), new Gateway(true)] as const;
        let atMs = nowMs;
        for (const one of steps) {
          if (one.do === "reload") for (const gateway of gateways) gateway.reload(one.image === 0 ? image : other);
          else if (one.do === "overlay") for (const gateway of gateways) gateway.overlay(...(overlays[one.list] ?? [[], []]));
          else {
            atMs = Math.max(nowMs, atMs + one.afterMs);
            const token = flipped(tokens[one.token] ?? "", one.flip);
            for (let i = 0; i < one.times; i++) {
              const [known, read] = gateways.map((gateway) => [gateway.ask(one.path, token, atMs), gateway.said()]);
              expect(known).toEqual(read);
            }
          }
        }
        hits += gateways[0].facts.facts_hits();
        unfit += gateways[0].facts.facts_unfit();
        expect(gateways[1].facts.facts_hits()).toBe(0);
      }),
      { numRuns: 400 },
    );
    expect(hits).toBeGreaterThan(2000);
    expect(unfit).toBeGreaterThan(100);
  });

  const known = (token: string, path = "/a/open"): Gateway => {
    const gateway = new Gateway();
    for (let i = 0; i < 3; i++) expect(gateway.ask(path, token, nowMs)).toBe(abi.VERDICT_ALLOW);
    expect(gateway.facts.facts_hits()).toBe(1);
    return gateway;
  };
  const reasonOf = (gateway: Gateway, token: string, atMs = nowMs) => {
    gateway.ask("/a/open", token, atMs);
    return gateway.verdict.reason;
  };

  it("are kept of every kind of token that comes for the second time", () => {
    for (const index of [0, 4, 5, 6, 7, 8]) known(tokens[index] ?? "");
    known(tokens[9] ?? "", "/c/open");
  });

  it("are about no other token, whichever bit is flipped", () => {
    const token = tokens[0] ?? "";
    const gateway = known(token);
    for (let at = 0; at < token.length; at++) {
      for (let bit = 0; bit < 7; bit++) {
        const changed = token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << bit)) + token.slice(at + 1);
        expect([at, bit, reasonOf(gateway, changed)]).not.toEqual([at, bit, abi.REASON_NONE]);
      }
    }
    expect(gateway.facts.facts_hits()).toBe(1);
  });

  it("are not kept of a token that is bound to a key: each request has to prove it", () => {
    const gateway = new Gateway();
    const bound = tokens.at(-1) ?? "";
    const reasons = Array.from({ length: 5 }, () => reasonOf(gateway, bound));
    expect(new Set(reasons)).toEqual(new Set([abi.REASON_PROOF_MISSING]));
  });

  it("hold until the token expires, and no longer than its signature is trusted", () => {
    const [short = "", , , , , endless = ""] = tokens;
    const gateway = known(short);
    const endMs = (startS + 62) * 1000; // tolerance included
    expect(reasonOf(gateway, short, endMs - 1)).toBe(abi.REASON_NONE);
    expect(gateway.facts.facts_hits()).toBe(2);
    expect(reasonOf(gateway, short, endMs)).toBe(abi.REASON_TOKEN_EXPIRED);
    const trusted = known(endless);
    const decide = (atMs: number) => trusted.decide({ path: "/a/open", credentials: [`Bearer ${endless}`], nowMs: atMs }).verdict;
    expect(decide(nowMs + 299_999)).toBe(abi.VERDICT_ALLOW);
    expect(trusted.facts.facts_hits()).toBe(2);
    expect(decide(nowMs + 300_000)).toBe(abi.VERDICT_VERIFY);
  });

  it("are forgotten with the policy, and outlive no revocation", () => {
    const gateway = known(tokens[0] ?? "");
    gateway.overlay([revoked("token", "plain", "t1")], []);
    expect(reasonOf(gateway, tokens[0] ?? "")).toBe(abi.REASON_REVOKED);
    expect(gateway.facts.facts_hits()).toBe(2);
    gateway.overlay([], []);
    gateway.reload(other);
    expect(reasonOf(gateway, tokens[0] ?? "", nowMs + 1000)).toBe(abi.REASON_NONE);
    expect(gateway.facts.facts_hits()).toBe(2);
  });

  it("are not kept of tokens that never return", () => {
    const gateway = new Gateway();
    for (let i = 0; i < 5000; i++) {
      reasonOf(gateway, hs({ iss: "https://id.test", aud: "one", sub: `u${i}`, exp: startS + 60 }));
    }
    const facts = new Uint8Array(gateway.core.memory.buffer, abi.FACTS, abi.FACTS_ENTRIES * abi.FACTS_ENTRY_SIZE);
    expect(facts.every((byte) => byte === 0)).toBe(true);
  });

  it("are bounded: what gave way is counted, and no caller is taken for another", () => {
    const gateway = new Gateway();
    const many = Array.from({ length: 12_000 }, (_, i) =>
      hs({ iss: "https://id.test", aud: "one", sub: `u${i}`, exp: startS + 60 }),
    );
    for (let lap = 0; lap < 4; lap++) {
      for (const [i, token] of many.entries()) {
        if (reasonOf(gateway, token, nowMs + lap * 5000) !== abi.REASON_NONE || gateway.verdict.principal !== `u${i}`)
          throw new Error(`u${i}`);
      }
    }
    expect(gateway.facts.facts_hits()).toBeGreaterThan(1000);
    expect(gateway.facts.facts_evictions()).toBeGreaterThan(1000);
  });
});

/** The token with one character changed, or itself. */
function flipped(token: string, at: number | null): string {
  if (at === null || at >= token.length) return token;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

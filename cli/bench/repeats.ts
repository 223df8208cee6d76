import { readFileSync } from "node:fs";
import { Engine } from "../../worker/engine/engine.ts";
import { compileBenchPolicy } from "./fixtures/compile-policy.ts";
import { audience, deviceName, issuer, secret, signToken, TOKEN_BYTES } from "./fixtures/tokens.ts";
import { coreFile } from "./measure/bundle.ts";
import { atLeast, type Benchmark, type Result, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds } from "./measure/rounds.ts";
import { arrived, coreCallerVerifier, fastJwtVerifiers } from "./peers/caching-verifier.ts";
import { peerVerifiers, type TokenVerifier } from "./peers/token-verifier.ts";

const CALLERS = 1024;
/** Tokens that are made, and then checked, at a time: few enough to stay in the processor's cache, as a header that has just arrived does. */
const BATCH = 500;
/** One check in so many is of a token that never came before. */
const FRESH_EVERY = 10;

export const repeats: Benchmark = { name: "repeats", run };

async function run({ quick }: RunOptions): Promise<Result> {
  const rules = { issuer, audience, secret };
  const peers = (await peerVerifiers(rules)).filter(({ name }) => name !== "subtle.verify");
  const verifiers = [coreCallerVerifier(await benchEngine()), ...fastJwtVerifiers(rules), ...peers];
  const traffic = new Traffic(Date.now());
  const contenders: Record<string, () => Promise<number>> = {};
  for (const verifier of verifiers) {
    await warmUp(verifier, traffic);
    const batches = (verifier.sync ? 80 : 10) / (quick ? 5 : 1);
    contenders[verifier.name] = () => microsecondsPerCheck(verifier, traffic, batches);
  }
  const us = await pairedRounds(quick ? 3 : 15, contenders);
  const figures = (name: string) => us[name] ?? [];
  const ratio = (name: string) => pairedRatio(figures(name), figures("core"));
  return {
    name: "repeats",
    title: `a ${TOKEN_BYTES}-byte HS256 token, nine of ten known, in Node`,
    rows: verifiers.map(({ name }) => ({
      name: labels[name] ?? name,
      measures: { "µs/check": spreadOf(figures(name)), "× core": ratio(name) },
    })),
    goals: [
      atLeast("fast-jwt with its cache ÷ core", ratio("fast-jwt").median, 4),
      atLeast("jose ÷ core", ratio("jose").median, 30),
      atLeast("hono/jwt ÷ core", ratio("hono/jwt").median, 30),
    ],
    notes: [
      `${CALLERS} callers in turn, each with a token of its own; every tenth check is of a token that was never seen. Each token is a string of its`,
      "own, as a server makes one of each header, made before the clock starts. Every contender checks signature, algorithm, issuer, audience and exp;",
      "the core's figure includes encodeInto of the Authorization value. jose and hono/jwt have no cache.",
    ],
  };
}

const labels: Record<string, string> = {
  core: "core: who calls",
  "fast-jwt": "fast-jwt, cache keyed by the token",
  "fast-jwt, hashed": "fast-jwt, cache keyed by its hash (default)",
  jose: "jose: jwtVerify",
  "hono/jwt": "hono/jwt: verify",
};

async function benchEngine(): Promise<Engine> {
  const module = await WebAssembly.compile(readFileSync(coreFile));
  const engine = new Engine(module, { secret: crypto.getRandomValues(new Uint8Array(32)), cells: 1 << 12, samples: 16 });
  const loaded = engine.load((await compileBenchPolicy()).image);
  if (!loaded.ok) throw new Error(`the core refused the image: ${loaded.code}`);
  return engine;
}

/** Tokens as they arrive: of the callers in turn, between them new ones. */
class Traffic {
  readonly #issuedSeconds: number;
  readonly #known: string[];
  #callers = 0;
  #strangers = CALLERS;

  constructor(nowMs: number) {
    this.#issuedSeconds = Math.floor(nowMs / 1000) - 60;
    this.#known = Array.from({ length: CALLERS }, (_, i) => this.#sign(i));
  }

  get known(): readonly string[] {
    return this.#known;
  }

  next(count: number): string[] {
    return Array.from({ length: count }, (_, i) =>
      arrived(i % FRESH_EVERY === 0 ? this.#sign(this.#strangers++) : (this.#known[this.#callers++ % CALLERS] ?? "")),
    );
  }

  #sign(device: number): string {
    const span = { issuedSeconds: this.#issuedSeconds, expiresSeconds: this.#issuedSeconds + 7200 };
    return signToken({ device: deviceName(device), ...span });
  }
}

/** Every caller has been here before. */
async function warmUp(verifier: TokenVerifier, { known }: Traffic): Promise<void> {
  for (let lap = 0; lap < 3; lap++) await checkAll(verifier, known);
}

async function microsecondsPerCheck(verifier: TokenVerifier, traffic: Traffic, batches: number): Promise<number> {
  let ms = 0;
  for (let batch = 0; batch < batches; batch++) ms += await checkAll(verifier, traffic.next(BATCH));
  return (ms * 1000) / (batches * BATCH);
}

/** ms that it took. */
async function checkAll(verifier: TokenVerifier, tokens: readonly string[]): Promise<number> {
  let accepted = 0;
  const count = tokens.length;
  let startedMs: number;
  if (verifier.sync) {
    const check = verifier.prepare(tokens);
    startedMs = performance.now();
    for (let i = 0; i < count; i++) if (check(i)) accepted++;
  } else {
    const check = verifier.prepare(tokens);
    startedMs = performance.now();
    for (let i = 0; i < count; i++) if (await check(i)) accepted++;
  }
  const elapsedMs = performance.now() - startedMs;
  if (accepted !== count) throw new Error(`${verifier.name} accepted ${accepted} of ${count} tokens`);
  return elapsedMs;
}

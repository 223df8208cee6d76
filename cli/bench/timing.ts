import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Engine } from "../../worker/engine/engine.ts";
import { compileBenchPolicy } from "./fixtures/compile-policy.ts";
import { keyId, secret } from "./fixtures/tokens.ts";
import { coreFile } from "./measure/bundle.ts";
import { type Class, type LeakFigures, LeakTest } from "./measure/dudect.ts";
import { atLeast, atMost, type Benchmark, type Result, type RunOptions } from "./measure/result.ts";
import { coreComparer, leakyComparer, type TagComparer } from "./peers/tag-comparer.ts";

const LEAK_T = 4.5;
/** Traces whose inputs are made before any of them is measured. */
const CHUNK = 10_000;
/** Calls in a trace, so that it lasts some hundred times as long as the clock's step. */
const CALLS = 8;

/** What the two classes are. In both every token has a message of its own, and so a tag of its own. */
const classes = {
  "last byte": "class 0: all but the tag's last byte right; class 1: a random tag",
  nothing: "both classes: random tags",
} as const;
type Contrast = keyof typeof classes;

interface Trial {
  comparer: TagComparer;
  contrast: Contrast;
  test: LeakTest | null;
}

interface Trace {
  from: Class;
  authorization: Uint8Array;
  expected: Uint8Array;
  tag: Uint8Array;
}

export const timing: Benchmark = { name: "timing", run };

/** Does the time of a refusal tell how much of a guessed tag was right? */
async function run({ quick }: RunOptions): Promise<Result> {
  const traces = quick ? 100_000 : 1_000_000;
  const engine = await newEngine();
  const trials: Trial[] = [
    { comparer: coreComparer(engine), contrast: "last byte", test: null },
    { comparer: coreComparer(engine), contrast: "nothing", test: null },
    { comparer: leakyComparer(engine), contrast: "last byte", test: null },
  ];
  const [core, control, leaky] = measure(trials, traces) as [LeakFigures, LeakFigures, LeakFigures];
  return report(
    trials,
    [core, control, leaky],
    [
      atMost("core: |t|", core.largestT, LEAK_T),
      atMost("core, nothing to see: |t|", control.largestT, LEAK_T),
      atLeast("a comparison that stops early: |t|", leaky.largestT, 10 * LEAK_T),
    ],
  );
}

async function newEngine(): Promise<Engine> {
  const module = await WebAssembly.compile(readFileSync(coreFile));
  const engine = new Engine(module, { secret: randomBytes(32), cells: 1 << 12, samples: 16 });
  const loaded = engine.load((await compileBenchPolicy()).image);
  if (!loaded.ok) throw new Error(`the core refused the image: ${loaded.code}`);
  return engine;
}

/** Chunk by chunk every trial in turn, so that what drifts meets all of them. The first chunk warms up and sets the percentiles. */
function measure(trials: Trial[], traces: number): LeakFigures[] {
  for (let measured = -2 * CHUNK; measured < traces; measured += CHUNK) {
    for (const trial of trials) {
      const chunk = Array.from({ length: CHUNK }, () => newTrace(trial.contrast));
      const times = chunk.map((trace) => elapsedMs(trial.comparer, trace));
      if (measured < 0) trial.test = new LeakTest(times);
      else for (const [i, { from }] of chunk.entries()) trial.test?.push(from, times[i] ?? 0);
    }
  }
  return trials.map(({ test }) => (test as LeakTest).figures());
}

function elapsedMs(comparer: TagComparer, { authorization, expected, tag }: Trace): number {
  comparer.present(authorization, expected, tag);
  let accepted = 0;
  const startMs = performance.now();
  for (let call = 0; call < CALLS; call++) if (comparer.judge()) accepted++;
  const elapsed = performance.now() - startMs;
  if (accepted > 0) throw new Error("a forged tag was accepted");
  return elapsed;
}

const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: keyId })).toString("base64url");

/** A token of 200 bytes that is refused, of a class drawn anew: whoever predicts the next one cannot tell the classes apart. */
function newTrace(contrast: Contrast): Trace {
  const [coin = 0] = randomBytes(1);
  const from = (coin & 1) as Class;
  const input = `${header}.${randomBytes(87).toString("base64url")}`;
  const expected = createHmac("sha256", secret).update(input).digest();
  const tag = from === 0 && contrast === "last byte" ? withOtherEnd(expected) : otherTag(expected);
  return { from, authorization: Buffer.from(`Bearer ${input}.${tag.toString("base64url")}`), expected, tag };
}

function withOtherEnd(expected: Buffer): Buffer {
  const tag = Buffer.from(expected);
  tag[31] = (tag[31] ?? 0) ^ (1 + ((expected[0] ?? 0) % 255));
  return tag;
}

/** Random, and different in its first byte. */
function otherTag(expected: Buffer): Buffer {
  const tag = randomBytes(32);
  if (tag[0] === expected[0]) tag[0] = (tag[0] ?? 0) ^ 1;
  return tag;
}

function report(trials: Trial[], figures: LeakFigures[], goals: Result["goals"]): Result {
  return {
    name: "timing",
    title: `does the time of a refusal tell how much of a tag was right? (dudect, ${figures[0]?.traces} traces each)`,
    rows: trials.map(({ comparer, contrast }, i) => ({
      name: `${comparer.name}; ${classes[contrast]}`,
      measures: {
        t: figures[i]?.t ?? Number.NaN,
        "largest |t|": figures[i]?.largestT ?? Number.NaN,
        "kept there": figures[i]?.kept ?? Number.NaN,
      },
    })),
    goals,
    notes: [
      "Reparaz, Balasch, Verbauwhede, DATE 2017: Welch's t-test, first order, on all traces and on those below 100 percentiles; the largest |t| counts.",
      `A trace is ${CALLS} calls on one token, by the built core in Node; classes are drawn at random, trace by trace.`,
      "The messages differ from trace to trace, so that nothing but the comparison of tags could tell the classes apart.",
      "A |t| beyond 4.5 on a busy machine may be its neighbours: run it again. What leaks stays, and grows with the root of the traces.",
    ],
  };
}

import { readFileSync } from "node:fs";
import { coreFile } from "./measure/bundle.ts";
import { atLeast, type Benchmark, type Result, type RunOptions, spreadOf } from "./measure/result.ts";
import { pairedRatio, pairedRounds } from "./measure/rounds.ts";
import { type Sha256Hasher, sha256Hashers } from "./peers/sha256-hasher.ts";

const MESSAGE_BYTES = 300;

export const sha256: Benchmark = { name: "sha256", run };

async function run({ quick }: RunOptions): Promise<Result> {
  const hashers = await sha256Hashers(await WebAssembly.compile(readFileSync(coreFile)));
  const digests = quick ? 50_000 : 300_000;
  const contenders = Object.fromEntries(hashers.map((hasher) => [hasher.name, () => usPerDigest(hasher, digests)]));
  const us = await pairedRounds(quick ? 3 : 11, contenders);
  const core = us.core ?? [];
  const peers = hashers.filter((hasher) => hasher.name !== "core");
  return {
    name: "sha256",
    title: `SHA-256 of ${MESSAGE_BYTES} bytes in Node`,
    rows: hashers.map(({ name }) => {
      const own = us[name] ?? [];
      return { name, measures: { "µs/digest": spreadOf(own), "× core": pairedRatio(own, core) } };
    }),
    goals: peers.map(({ name }) => atLeast(`${name} ÷ core`, pairedRatio(us[name] ?? [], core).median, 1)),
    notes: [
      "Bytes in, a fresh Uint8Array of 32 bytes out. Each reuses its instance between messages.",
      "In Node for all three: hash-wasm compiles its module at run time, which workerd does not allow.",
    ],
  };
}

/** Each message differs in its first bytes, so that no digest can be taken from the one before. */
function usPerDigest(hasher: Sha256Hasher, digests: number): number {
  const message = Uint8Array.from({ length: MESSAGE_BYTES }, (_, i) => i & 0xff);
  const counter = new DataView(message.buffer);
  let folded = 0;
  const startMs = performance.now();
  for (let i = 0; i < digests; i++) {
    counter.setUint32(0, i);
    folded ^= hasher.digest(message)[0] ?? 0;
  }
  const elapsedMs = performance.now() - startMs;
  if (folded < 0 || folded > 0xff) throw new Error(`${hasher.name} gave something that is not bytes`);
  return (elapsedMs * 1000) / digests;
}

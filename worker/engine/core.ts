import * as abi from "../../wasm/abi.ts";

/** What the core exports. Numbers are i32 unless the name says otherwise; records are read and written in `memory`. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory;
  core_boot(cells: number, samples: number): number;
  image_load(slot: number, length: number): number;
  image_activate(slot: number): void;
  overlay_load(slot: number, length: number): number;
  decide(nowMs: number): number;
  settle(
    ticket: number,
    operation: number,
    status: number,
    failure: number,
    latencyMs: number,
    bytesIn: number,
    bytesOut: number,
  ): void;
  count_request(operation: number, verdict: number, reason: number): void;
  dirty_count(): number;
  stats_clear(): void;
  sample_take(nowMs: number): number;
  sample_list(): number;
  sample_release(): void;
  sample_resize(k: number): void;
  unsampled_count(): number;
  evictions_count(): number;
  callers_count(): number;
  caller_pairs_count(): number;
  callers_unlisted(): number;
  places_unlisted(): number;
  callers_clear(): void;
  /** Both of ms; 0 = there was no room. */
  block_set(keyLow: number, keyHigh: number, untilMs: number, nowMs: number): number;
  blocks_unkept(): number;
  refusals_count(): number;
  refusals_unlisted(): number;
  refusals_clear(): void;
  token_remember(slot: number, authenticator: number, found: number, nowMs: number): number;
  proof_remember(found: number): void;
  proofs_unkept(): number;
  key_learn(): number;
  key_refuse(authenticator: number, reason: number, nowMs: number): void;
  key_evictions(): number;
  token_hits(): number;
  token_evictions(): number;
}

/** A trap, or anything else that the core must never do: the instance is not to be used again. */
export class CoreFault extends Error {}

/** A fresh instance with its own memory. Synchronous: the module is compiled when the Worker is deployed. */
export function instantiateCore<Exports extends object = CoreExports>(module: WebAssembly.Module): Exports {
  const abort = () => {
    throw new CoreFault("core aborted");
  };
  return new WebAssembly.Instance(module, { env: { abort } }).exports as unknown as Exports;
}

/**
 * An instance that is ready for its first image.
 *
 * @param secret 32 random bytes that never leave this isolate: event ids and the token cache are keyed with them.
 * @param cells GCRA cells, 16 bytes each, a power of two.
 * @param samples the largest k of the sampler's strata.
 */
export function bootCore(module: WebAssembly.Module, secret: Uint8Array, cells: number, samples: number): CoreExports {
  const core = instantiateCore(module);
  new Uint8Array(core.memory.buffer, abi.SCRATCH, secret.length).set(secret);
  const code = core.core_boot(cells, samples);
  if (code !== 0) throw new CoreFault(`core_boot answered ${code}`);
  return core;
}

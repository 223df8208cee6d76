import * as abi from "../../wasm/abi.ts";
import type { BlockList } from "../region/report.ts";
import { bootCore, type CoreExports } from "./core.ts";
import { type KeyFacts, writeKeyFacts } from "./key-facts.ts";
import { loadNames } from "./names.ts";
import { RequestRecord } from "./request-record.ts";
import { VerdictRecord } from "./verdict-record.ts";

export interface EngineOptions {
  /** 32 random bytes of this isolate. */
  secret: Uint8Array;
  /** GCRA cells, a power of two. */
  cells: number;
  /** The largest number of samples a stratum may keep between two reports. */
  samples: number;
  /** Makes an instance; another one lets a test put a faulty core in its place. */
  boot?: typeof bootCore;
}

export type LoadResult = { ok: true } | { ok: false; code: string };

/** What decide() answers when the core trapped: the instance was replaced, the caller applies the service's fail mode. */
export const FAULT = -1;

/**
 * The core as the gateway uses it: write a request, decide, read the verdict, settle. Synchronous; no view into it may be
 * held across an await. A trap poisons the instance, so it is replaced at once and the policy loaded anew; limits and
 * samples of that instance are lost. `faults` counts the replacements, `lostRequests` what they had counted and not reported.
 */
export class Engine {
  #module: WebAssembly.Module;
  #options: EngineOptions;
  #core!: CoreExports;
  #slot = 0;
  #image: Uint8Array | null = null;
  #overlay: Uint8Array | null = null;
  #request!: RequestRecord;
  #verdict!: VerdictRecord;
  #samples: number;
  faults = 0;
  lostRequests = 0;
  #blocks = 0;

  constructor(module: WebAssembly.Module, options: EngineOptions) {
    this.#module = module;
    this.#options = options;
    this.#samples = options.samples;
    this.#start();
  }

  get core(): CoreExports {
    return this.#core;
  }
  get request(): RequestRecord {
    return this.#request;
  }
  get verdict(): VerdictRecord {
    return this.#verdict;
  }

  /** Checks `image` and puts it in force; one that is refused leaves the one in force untouched. */
  load(image: Uint8Array): LoadResult {
    if (image.length > abi.IMAGE_SIZE) return { ok: false, code: "image_bad_length" };
    const slot = this.#slot ^ 1;
    const base = slot === 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1;
    new Uint8Array(this.#core.memory.buffer, base, abi.IMAGE_SIZE).set(image);
    const code = this.#core.image_load(slot, image.length);
    if (code !== abi.LOAD_OK) return { ok: false, code: loadNames[code] ?? "image_bad_value" };
    this.#core.image_activate(slot);
    this.#slot = slot;
    this.#image = image;
    return { ok: true };
  }

  /** Puts revocations and grants (overlay-bytes.ts) in force, whatever the policy is; refused ones leave those in force untouched. */
  loadOverlay(overlay: Uint8Array): LoadResult {
    if (overlay.length > abi.IMAGE_SIZE) return { ok: false, code: "image_bad_length" };
    const slot = this.#slot ^ 1;
    const base = slot === 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1;
    new Uint8Array(this.#core.memory.buffer, base, abi.IMAGE_SIZE).set(overlay);
    const code = this.#core.overlay_load(slot, overlay.length);
    if (code !== abi.LOAD_OK) return { ok: false, code: loadNames[code] ?? "image_bad_value" };
    this.#overlay = overlay;
    return { ok: true };
  }

  /** Generation of the region's blocks that are in force; 0 = none are, as after a replacement. */
  get blocksGeneration(): number {
    return this.#blocks;
  }

  /** Puts in force what the region changed in its penalty box, counted from `nowMs` on; an older list than the last changes nothing. */
  putBlocks({ generation, changes }: BlockList, nowMs: number): void {
    if (generation <= this.#blocks) return;
    try {
      for (const { key, leftMs } of changes) {
        const [high, low] = [Number.parseInt(key.slice(0, 8), 16), Number.parseInt(key.slice(8), 16)];
        this.#core.block_set(low, high, nowMs + leftMs, nowMs);
      }
      this.#blocks = generation;
    } catch {
      this.#replace();
    }
  }

  /** VERDICT_* of the request that was written, or FAULT. */
  decide(nowMs: number): number {
    try {
      return this.#core.decide(nowMs);
    } catch {
      this.#replace();
      this.count(0, abi.VERDICT_REFUSE, abi.REASON_CORE_FAULT);
      return FAULT;
    }
  }

  /**
   * Remembers what was found of a token's or a DPoP proof's signature, for the decide() that follows. The request must have been written
   * anew, and the policy in force be the one under which VERDICT_VERIFY was answered: `authenticator` is its index.
   *
   * @param found REASON_NONE = the signature is good, else why it is not
   */
  remember(slot: number, authenticator: number, found: number, nowMs: number): void {
    try {
      if (slot === abi.PROOF_SLOT) this.#core.proof_remember(found);
      else this.#core.token_remember(slot, authenticator, found, nowMs);
    } catch {
      this.#replace();
    }
  }

  /** Takes what D1 says of an API key, under the image in force. False where the core cannot: the key is then not known. */
  learnKey(facts: KeyFacts): boolean {
    try {
      return writeKeyFacts(this.#core.memory, facts) && this.#core.key_learn() === abi.REASON_NONE;
    } catch {
      this.#replace();
      return false;
    }
  }

  /** Refuses the API key with that SHA-256 for seconds, under the image in force, or, while D1 is away, this once. */
  refuseKey(authenticator: number, digest: Uint8Array, reason: number, nowMs: number): void {
    try {
      new Uint8Array(this.#core.memory.buffer, abi.SCRATCH, 32).set(digest);
      this.#core.key_refuse(authenticator, reason, nowMs);
    } catch {
      this.#replace();
    }
  }

  /**
   * Closes a request: exactly once for each decide() that did not answer FAULT.
   *
   * @param status what the caller got
   * @param failure REASON_UPSTREAM_* or 0
   */
  settle(
    ticket: number,
    operation: number,
    status: number,
    failure: number,
    latencyMs: number,
    bytesIn: number,
    bytesOut: number,
  ): void {
    try {
      this.#core.settle(ticket, operation, status, failure, latencyMs, bytesIn, bytesOut);
    } catch {
      this.#replace();
    }
  }

  /** Counts a request that the host refused by itself. */
  count(operation: number, verdict: number, reason: number): void {
    this.#core.count_request(operation, verdict, reason);
  }

  /** Sets k of every stratum from the next report on, within what the boot allotted. */
  resizeSample(k: number): void {
    this.#samples = Math.max(1, Math.min(k, this.#options.samples));
    this.#core.sample_resize(this.#samples);
  }

  #start(): void {
    const { secret, cells, samples, boot = bootCore } = this.#options;
    this.#core = boot(this.#module, secret, cells, samples);
    this.#blocks = 0;
    this.#request = new RequestRecord(this.#core.memory);
    this.#verdict = new VerdictRecord(this.#core.memory);
  }

  #replace(): void {
    this.faults++;
    this.lostRequests += countUnreported(this.#core);
    const image = this.#image;
    // Event ids must not repeat after a replacement, so the new instance gets another secret.
    const secret = this.#options.secret.slice();
    new DataView(secret.buffer).setUint32(24, this.faults, true);
    this.#options = { ...this.#options, secret };
    this.#start();
    this.#core.sample_resize(this.#samples);
    // First what is revoked: no request shall be decided without it.
    if (this.#overlay !== null) this.loadOverlay(this.#overlay);
    if (image !== null) this.load(image);
  }
}

/** Requests that a poisoned instance had counted: its memory can still be read, and its dirty list is a plain number away. */
function countUnreported(core: CoreExports): number {
  let requests = 0;
  const dirty = new Uint32Array(core.memory.buffer, abi.DIRTY, Math.min(core.dirty_count(), abi.MAX_OPERATIONS));
  for (const operation of dirty.filter((index) => index < abi.MAX_OPERATIONS)) {
    const base = abi.STATS + operation * abi.STATS_SIZE + abi.STATS_COUNTS;
    for (const n of new Uint32Array(core.memory.buffer, base, abi.VERDICT_COUNT * abi.REASON_COUNT)) requests += n;
  }
  return requests;
}

import type { Engine } from "../engine/engine.ts";
import type { CompiledPolicy, PolicyMeta } from "../policy/compiled.ts";
import { openImage, type SealedPolicy } from "../policy/seal.ts";
import type { Overlay } from "../region/overlay.ts";
import type { BlockList, Orders } from "../region/report.ts";
import { KeyLookups } from "./key-lookups.ts";
import { Reporter, type Send } from "./reporter.ts";
import { type PolicyKeys, Verifier, workerIo } from "./verifier.ts";

/**
 * After so long without orders an isolate asks what is newest before it decides: a revocation is in force everywhere within two seconds,
 * also where requests are rare. A region that makes its isolates report less often is allowed as much longer.
 */
const MAX_SILENCE_MS = 1_500;
const SILENCE_BEHIND_REPORT_MS = 500;
/** A region that did not answer is asked again after so long, so that it does not slow every request. */
const ASK_AGAIN_MS = 10_000;
/** A cold start waits so long for its policy; one that has a policy waits so long to hear of a newer one. */
const FIRST_POLICY_TIMEOUT_MS = 5_000;
const REFRESH_TIMEOUT_MS = 500;
/** A report that was scheduled and never ran (its request was cut off) is scheduled anew after so long. */
const LOST_SCHEDULE_MS = 15_000;

/** What an isolate asks of its region; the Region object's stub has these methods. */
export interface RegionLink {
  report: Send;
  policy(): Promise<SealedPolicy | null>;
  policyVersion(): Promise<number>;
  /** Revocations and grants, null when those of generation `after` are the newest. Throws when they are not known. */
  overlay(after: number): Promise<Overlay | null>;
  /** What has changed in the penalty box since generation `after`, null = nothing. */
  blocks(after: number): Promise<BlockList | null>;
}

/** What one isolate keeps between requests: the core, the policy in force, and the reports under way. */
export class Isolate {
  readonly engine: Engine;
  readonly region: string;
  readonly verifier = new Verifier(workerIo);
  readonly keyLookups = new KeyLookups(workerIo);
  readonly #key: string;
  readonly #reporter: Reporter;
  #meta: PolicyMeta | null = null;
  #policy: PolicyKeys | null = null;
  #overlayGeneration = 0;
  /** Until when what is in force counts as the newest. */
  #freshUntilMs = 0;
  #scheduledMs = 0;

  /** @param id 16 hex digits, drawn at random */
  constructor(engine: Engine, key: string, region: string, id: string, nowMs: number) {
    this.engine = engine;
    this.region = region;
    this.#key = key;
    this.#reporter = new Reporter(id, nowMs);
  }

  /** Names that belong to the image in force; null before the first policy. */
  get meta(): PolicyMeta | null {
    return this.#meta;
  }

  /** The policy in force, as far as signatures go; another object once another policy is in force. */
  get policy(): PolicyKeys | null {
    return this.#policy;
  }

  /** True when policy and revocations may be older than the region's: at the first request, and after a silence. */
  isStale(nowMs: number): boolean {
    return nowMs > this.#freshUntilMs;
  }

  /**
   * Asks for the newest policy and revocations. The last good ones stay when the region cannot be reached or the new ones are not
   * sound; an isolate without any gets no policy before it has the revocations.
   */
  async refresh(link: RegionLink, nowMs: number): Promise<void> {
    const timeoutMs = this.#meta === null ? FIRST_POLICY_TIMEOUT_MS : REFRESH_TIMEOUT_MS;
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), timeoutMs));
    const answered = await Promise.race([this.#refresh(link, nowMs), late]);
    if (this.#meta === null) return;
    if (answered) this.#confirm(nowMs);
    else this.#freshUntilMs = nowMs + ASK_AGAIN_MS;
  }

  /**
   * Called at the end of every request. The first one after a report keeps its own execution context alive for the next
   * interval: a Worker has no timers between requests, and no request may await another's I/O.
   */
  scheduleReport(ctx: Pick<ExecutionContext, "waitUntil">, link: () => RegionLink, nowMs: number): void {
    if (this.#scheduledMs !== 0 && nowMs - this.#scheduledMs < this.#reporter.intervalMs + LOST_SCHEDULE_MS) return;
    this.#scheduledMs = nowMs;
    ctx.waitUntil(this.#reportLater(link));
  }

  async #reportLater(link: () => RegionLink): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#reporter.intervalMs));
    this.#scheduledMs = 0;
    const nowMs = Date.now();
    if (this.#meta !== null) this.#reporter.collect(this.engine, this.#meta, this.region, nowMs);
    const region = link();
    const orders = await this.#reporter.flush((report) => region.report(report));
    if (orders !== null) await this.#obey(orders, region, nowMs);
  }

  async #obey(orders: Orders, region: RegionLink, nowMs: number): Promise<void> {
    this.engine.resizeSample(orders.samplesPerStratum);
    if (orders.blocks !== null) this.engine.putBlocks(orders.blocks, nowMs);
    if (orders.overlayGeneration > this.#overlayGeneration) await this.#tryOverlay(region);
    if (orders.policyVersion > (this.#meta?.version ?? 0)) await this.#fetchPolicy(region, nowMs);
    if (orders.overlayGeneration <= this.#overlayGeneration) this.#confirm(nowMs);
  }

  /** @param nowMs before the region was asked: what it has learnt since is not known here */
  #confirm(nowMs: number): void {
    this.#freshUntilMs = nowMs + Math.max(MAX_SILENCE_MS, this.#reporter.intervalMs + SILENCE_BEHIND_REPORT_MS);
  }

  /** False when the region did not say what is newest. */
  async #refresh(link: RegionLink, nowMs: number): Promise<boolean> {
    try {
      const [version] = await Promise.all([link.policyVersion(), this.#fetchOverlay(link), this.#fetchBlocks(link, nowMs)]);
      if (version > (this.#meta?.version ?? 0)) await this.#fetchPolicy(link, nowMs);
      return true;
    } catch (error) {
      console.error(`policy refresh failed: ${error instanceof Error ? error.message : "unknown error"}`);
      return false;
    }
  }

  async #tryOverlay(link: RegionLink): Promise<void> {
    try {
      await this.#fetchOverlay(link);
    } catch (error) {
      // What is in force stays so; the next request asks again before it decides.
      console.error(`no newer revocations: ${error instanceof Error ? error.message : "unknown error"}`);
    }
  }

  /** Throws when the region does not know the revocations, or the core refuses them. */
  async #fetchOverlay(link: RegionLink): Promise<void> {
    const overlay = await link.overlay(this.#overlayGeneration);
    if (overlay === null || overlay.version <= this.#overlayGeneration) return;
    const loaded = this.engine.loadOverlay(overlay.bytes);
    if (!loaded.ok) throw new Error(`revocations ${overlay.version} were refused by the core: ${loaded.code}`);
    this.#overlayGeneration = overlay.version;
  }

  /** Who was let out during a silence is not refused by the request that ends it. A new isolate gets blocks with its first orders. */
  async #fetchBlocks(link: RegionLink, nowMs: number): Promise<void> {
    if (this.engine.blocksGeneration === 0) return;
    const blocks = await link.blocks(this.engine.blocksGeneration);
    if (blocks !== null) this.engine.putBlocks(blocks, nowMs);
  }

  async #fetchPolicy(link: RegionLink, nowMs: number): Promise<void> {
    const sealed = await link.policy();
    if (sealed === null) return;
    const policy = await openImage(this.#key, sealed);
    if (policy === null) console.error(`policy ${sealed.version} cannot be opened: is PICKET_KEY the one that sealed it?`);
    else this.#putInForce(policy, nowMs);
  }

  /** Synchronous, so that no request sees the new image with the old names; what was counted leaves under the old ones. */
  #putInForce(policy: CompiledPolicy, nowMs: number): void {
    if (policy.version <= (this.#meta?.version ?? 0)) return;
    if (this.#meta !== null) this.#reporter.collect(this.engine, this.#meta, this.region, nowMs, true);
    const loaded = this.engine.load(policy.image);
    if (!loaded.ok) {
      console.error(`policy ${policy.version} was refused by the core: ${loaded.code}`);
      return;
    }
    this.#meta = policy.meta;
    this.#policy = { meta: policy.meta, secrets: policy.secrets };
  }
}

import { DurableObject } from "cloudflare:workers";
import { readSealedPolicy, type SealedRow } from "../db/policies.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import { Flusher } from "./flusher.ts";
import { Journal } from "./journal.ts";
import { type Accounts, Ledger } from "./ledger.ts";
import { acceptLive, broadcast, LiveFeed } from "./live.ts";
import { NewestCache } from "./newest-cache.ts";
import { reportIntervalMs, SampleSize } from "./orders.ts";
import { type Overlay, OverlayShelf, readOverlayBytes } from "./overlay.ts";
import { PenaltyBox, type PenaltyCounters, type Release, type ShownEntry } from "./penalty-box.ts";
import { PenaltyShelf } from "./penalty-shelf.ts";
import type { PendingRows } from "./pending.ts";
import { eventAllowance } from "./plan-batch.ts";
import { PolicyShelf } from "./policy-shelf.ts";
import type { PulseStep } from "./pulse.ts";
import { type BlockList, type Orders, REPORT_VERSION, type Report } from "./report.ts";

const D1_TIMEOUT_MS = 10_000;
/** Ticks and batches come at most this often. */
const BEAT_MS = 1_000;
/** Before a policy says otherwise: what D1 gives away free in a day. */
const DEFAULT_ROWS_PER_DAY = 100_000;

export interface RegionHealth extends Accounts {
  region: string;
  policyVersion: number;
  lastReportMs: number | null;
  incarnation: string;
  /** Attempts to reach D1 that failed since the last that did not. */
  d1Failures: number;
  /** Rows billed today, and this region's share of what may be written in a day. */
  rowsToday: number;
  rowsPerDay: number;
  /** Requests of authenticated callers that are in none of their rows, and places left out; with those that are, all of them. */
  callersUnlisted: number;
  placesUnlisted: number;
  peaksUnlisted: number;
}

export interface RegionPenalties {
  entries: ShownEntry[];
  counters: PenaltyCounters;
}

export interface SnapshotQuery {
  /** Last batch that the asker saw in D1, by incarnation. */
  afterSeq: Record<string, number>;
  fromMs: number;
  toMs: number;
}

export interface RegionSnapshot extends RegionHealth {
  /** Steps of PULSE_STEP_MS from the one that holds `fromMs` to the one that holds `toMs`. */
  steps: (PulseStep | null)[];
  /** What that reader of D1 has not seen; null when it must read D1 again. */
  unread: PendingRows | null;
}

/**
 * One region's object: takes its isolates' reports, brings them to D1, serves the policy, and feeds the console's live view.
 * Thin on purpose: the ledger keeps the account, the flusher writes, this class wires them to the platform.
 */
export class RegionObject extends DurableObject<Env> {
  /** The clock and the database, as fields so that a test can put others in their place. */
  now: () => number = () => Date.now();
  db: D1Database;
  readonly ledger: Ledger;
  readonly #region: string;
  readonly #regions: number;
  readonly #flusher: Flusher;
  readonly #policies = new NewestCache<SealedRow>(readSealedPolicy);
  readonly #shelf: PolicyShelf;
  readonly #overlays = new NewestCache<Overlay>(readOverlayBytes);
  readonly #overlayShelf: OverlayShelf;
  readonly #penalties: PenaltyBox;
  readonly #feed = new LiveFeed();
  readonly #sampleSize = new SampleSize();
  #alarmAtMs: number | null = null;
  #beatMs = 0;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.db = env.DB;
    this.#region = context.id.name ?? "";
    this.#regions = env.REGIONS.split(",").filter((name) => name.trim() !== "").length;
    const incarnation = crypto.getRandomValues(new Uint32Array(2)).join("-");
    const journal = new Journal(context.storage);
    this.ledger = new Ledger(this.#region, journal, incarnation, DEFAULT_ROWS_PER_DAY, this.#regions, this.now());
    this.#flusher = new Flusher(this.ledger);
    const penaltyShelf = new PenaltyShelf(context.storage.sql);
    this.#penalties = new PenaltyBox(penaltyShelf, penaltyShelf.read());
    this.#shelf = new PolicyShelf(context.storage.sql);
    const policy = this.#shelf.read();
    if (policy) this.#adopt(policy);
    this.#overlayShelf = new OverlayShelf(context.storage.sql);
    const overlay = this.#overlayShelf.read();
    if (overlay) this.#overlays.restore(overlay);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Takes a report, once; answers when it is durable. A malformed one changes nothing and is told so in `refused`. */
  async report(report: Report): Promise<Orders> {
    const nowMs = this.now();
    const accepted = this.ledger.accept(report, nowMs);
    if (accepted.state === "taken") {
      this.#feed.add(report.samples, report.requests);
      this.#penalties.take(report, nowMs);
      this.#wake(nowMs);
    }
    if (accepted.state === "refused") return { ...this.#orders(0, null), refused: accepted.code };
    return this.#orders(report.seq, this.#penalties.changes(report.blocksGeneration, nowMs));
  }

  /** The newest policy, encrypted as it is stored; while D1 is away the newest that this object has seen. */
  async policy(): Promise<SealedRow | null> {
    try {
      const changed = await this.#policies.refresh(this.db, this.now());
      if (changed && this.#policies.current) this.#adopt(this.#policies.current);
    } catch (error) {
      console.warn(`region: no policy from D1 (${error instanceof Error ? error.message : "unknown error"})`);
    }
    return this.#policies.current;
  }

  async policyVersion(): Promise<number> {
    return this.#policies.version || ((await this.policy())?.version ?? 0);
  }

  async policyPublished(version: number): Promise<void> {
    this.#policies.learn(version);
    await this.policy();
  }

  /**
   * Revocations and grants, null when the asker's are the newest. While D1 is away the newest that this object has seen. Throws when it
   * has seen none: who has no list must not decide without it.
   */
  async overlay(after: number): Promise<Overlay | null> {
    const checked = this.#checkOverlay();
    // Only who is known to be behind waits for D1: there may be a request that waits for this answer.
    if (this.#overlays.isBehind) await checked;
    const { current } = this.#overlays;
    if (current === null) throw new Error("the revocations are not known yet");
    return current.version > after ? current : null;
  }

  async overlayChanged(generation: number): Promise<void> {
    this.#overlays.learn(generation);
    await this.#checkOverlay();
  }

  /** What has changed in the penalty box since generation `after`; null = nothing. */
  async blocks(after: number): Promise<BlockList | null> {
    return this.#penalties.changes(after, this.now());
  }

  async penalties(): Promise<RegionPenalties> {
    return { entries: this.#penalties.list(this.now()), counters: { ...this.#penalties.counters } };
  }

  /** Lets out whom `release` names, and answers who that was. Isolates hear of it with their next orders. */
  async release(release: Release, who: string): Promise<ShownEntry[]> {
    return this.#penalties.release(release, who, this.now());
  }

  async health(): Promise<RegionHealth> {
    return {
      region: this.#region,
      ...this.ledger.accounts(),
      policyVersion: this.#policies.version,
      lastReportMs: this.ledger.lastReportMs,
      incarnation: this.ledger.incarnation,
      d1Failures: this.#flusher.failures,
      rowsToday: this.ledger.budget.spentToday,
      rowsPerDay: this.ledger.budget.perDay,
      ...this.ledger.unlisted,
    };
  }

  async snapshot(query: SnapshotQuery): Promise<RegionSnapshot> {
    return {
      ...(await this.health()),
      steps: this.ledger.pulse.read(query.fromMs, query.toMs),
      unread: this.ledger.unread(query.afterSeq[this.ledger.incarnation] ?? 0),
    };
  }

  /** The live WebSocket. Who may have it was decided by the console's API: nothing else can reach this object. */
  override async fetch(request: Request): Promise<Response> {
    const hello = this.#feed.hello(this.#region, this.now(), (fromMs, toMs) => this.ledger.pulse.read(fromMs, toMs));
    return acceptLive(this.ctx, request, hello);
  }

  override webSocketMessage(socket: WebSocket): void {
    socket.close(1003, "this socket only sends");
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null;
    this.#beatMs = this.now();
    this.#tick();
    const outcome = await this.#flusher.flush(this.db, this.now, D1_TIMEOUT_MS);
    if (outcome) {
      this.#sampleSize.observe(eventAllowance(this.ledger.budget, BEAT_MS, this.now()));
      await this.#learn(outcome.policyVersion);
      if ((outcome.overlayGeneration ?? 0) > this.#overlays.version) await this.overlayChanged(outcome.overlayGeneration ?? 0);
    }
    this.#wake(this.now());
  }

  async #learn(version: number | null): Promise<void> {
    if (version === null || version <= (this.#policies.current?.version ?? 0)) return;
    this.#policies.learn(version);
    await this.policy();
  }

  #adopt(policy: SealedRow): void {
    const { telemetry, limits } = JSON.parse(policy.meta) as Pick<PolicyMeta, "telemetry" | "limits">;
    this.ledger.budget.change(telemetry.rowsPerDay, this.#regions);
    this.#penalties.change(limits, `policy ${policy.version}`, this.now());
    this.#policies.restore(policy);
    this.#shelf.put(policy);
  }

  async #checkOverlay(): Promise<void> {
    try {
      const changed = await this.#overlays.refresh(this.db, this.now());
      if (changed && this.#overlays.current) this.#overlayShelf.put(this.#overlays.current);
    } catch (error) {
      console.warn(`region: no revocations from D1 (${error instanceof Error ? error.message : "unknown error"})`);
    }
  }

  #orders(seq: number, blocks: BlockList | null): Orders {
    return {
      v: REPORT_VERSION,
      seq,
      policyVersion: this.#policies.version,
      overlayGeneration: this.#overlays.version,
      blocks,
      nextReportMs: reportIntervalMs(this.ledger.activeIsolates),
      samplesPerStratum: this.#sampleSize.perStratum,
    };
  }

  #tick(): void {
    if (this.#feed.isQuiet) return;
    const sockets = this.ctx.getWebSockets();
    const pulse = this.ledger.pulse.takeChanged();
    const tick = { nowMs: this.now(), reported: this.ledger.accounts().reported, pulse, ...this.#feed.take() };
    if (sockets.length === 0) return;
    broadcast(sockets, { type: "tick", region: this.#region, policyVersion: this.#policies.version, ...tick });
  }

  /** Sets the alarm for what comes next: never in the past, and never sooner than a beat after the last. */
  #wake(nowMs: number): void {
    const tickMs = this.#feed.isQuiet ? null : nowMs;
    const flushMs = this.#flusher.nextMs(nowMs);
    if (tickMs === null && flushMs === null) return;
    const soonest = Math.min(tickMs ?? Number.POSITIVE_INFINITY, flushMs ?? Number.POSITIVE_INFINITY);
    const atMs = Math.max(nowMs, soonest, this.#beatMs + BEAT_MS);
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return;
    this.#alarmAtMs = atMs;
    this.ctx.storage.setAlarm(atMs);
  }
}

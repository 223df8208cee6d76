import { SignJWT } from "jose";
import core from "../../wasm/build/core.wasm";
import { bootCore, type CoreExports } from "../../worker/engine/core.ts";
import { Engine } from "../../worker/engine/engine.ts";
import type { Fetches } from "../../worker/gateway/forward.ts";
import { handleGateway } from "../../worker/gateway/handler.ts";
import { Isolate, type RegionLink } from "../../worker/gateway/isolate.ts";
import type { KeyStore } from "../../worker/gateway/key-lookups.ts";
import { compile } from "../../worker/policy/compile.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { type SealedPolicy, sealImage } from "../../worker/policy/seal.ts";
import type { Overlay } from "../../worker/region/overlay.ts";
import type { BlockList, Orders, Report } from "../../worker/region/report.ts";

export const key = btoa("k".repeat(32));
export const secret = "a-device-secret-of-32-bytes-or-more";

/** SHA-256 of "acme-test-key". */
export const acmeDigest = "ebfbfd0414bb0cb52b149c7596a65b6892c759178bdc540e50a3c9b3575775e3";

/** A policy compiled and sealed as publishing does it. */
export async function sealedPolicy(yaml: string, version: number, shared = secret): Promise<SealedPolicy> {
  const parsed = await parsePolicy(yaml, Date.now());
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const compiled = await compile(parsed.policy, { version, seed: new Uint8Array(16), secretOf: () => shared });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return sealImage(key, compiled.compiled);
}

/** A region that remembers what it is told, and serves one policy. */
export class FakeRegion implements RegionLink {
  sealed: SealedPolicy | null;
  reports: Report[] = [];
  away = false;
  /** null = not known to it. */
  overlays: Overlay | null = { version: 0, bytes: new Uint8Array(0) };
  asked = 0;
  constructor(sealed: SealedPolicy | null) {
    this.sealed = sealed;
  }
  async report(report: Report): Promise<Orders> {
    if (this.away) throw new Error("away");
    this.reports.push(structuredClone(report));
    return {
      v: 3,
      seq: report.seq,
      policyVersion: this.sealed?.version ?? 0,
      overlayGeneration: this.overlays?.version ?? 0,
      blocks: null,
      nextReportMs: 1,
      samplesPerStratum: 16,
    };
  }
  async policy(): Promise<SealedPolicy | null> {
    if (this.away) throw new Error("away");
    return this.sealed;
  }
  async overlay(after: number): Promise<Overlay | null> {
    if (this.away || this.overlays === null) throw new Error("away");
    return this.overlays.version > after ? this.overlays : null;
  }
  async blocks(_after: number): Promise<BlockList | null> {
    return null;
  }
  async policyVersion(): Promise<number> {
    this.asked++;
    if (this.away) throw new Error("away");
    return this.sealed?.version ?? 0;
  }
}

export interface Seen {
  url: string;
  init: RequestInit;
  headers: Headers;
}

/** One isolate in front of an upstream binding that records what reaches it. */
export class Gateway {
  readonly region: FakeRegion;
  readonly isolate: Isolate;
  readonly seen: Seen[] = [];
  answer: (seen: Seen) => Response | Promise<Response> = () => new Response("upstream");
  /** Set to make the next decide() trap, as a bug in the core would. */
  trap = false;
  keyStore: KeyStore = async () => null;
  #pending: Promise<unknown>[] = [];

  /** @param id of the isolate, 16 hex digits */
  constructor(region: FakeRegion, id = "0123456789abcdef") {
    this.region = region;
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const engine = new Engine(core, {
      secret,
      cells: 1 << 12,
      samples: 32,
      boot: (...given) => this.#faulty(bootCore(...given)),
    });
    this.isolate = new Isolate(engine, key, "test", id, Date.now());
  }

  static async start(yaml: string): Promise<Gateway> {
    return new Gateway(new FakeRegion(await sealedPolicy(yaml, 1)));
  }

  /** @param path as on the wire: the URL is never parsed on the way in */
  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request("http://gateway.test/", init);
    const raw = new Proxy(request, {
      get: (target, name) => {
        if (name === "url") return `http://gateway.test${path}`;
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const binding: Fetches = {
      fetch: async (url, sent) => {
        const seen = { url, init: sent, headers: new Headers(sent.headers) };
        this.seen.push(seen);
        return this.answer(seen);
      },
    };
    const execution = { waitUntil: (promise: Promise<unknown>) => void this.#pending.push(promise) };
    const keyStore: KeyStore = (authenticator, sha256) => this.keyStore(authenticator, sha256);
    return handleGateway(raw, { isolate: this.isolate, link: () => this.region, binding: () => binding, execution, keyStore });
  }

  #faulty(exports: CoreExports): CoreExports {
    const decide = (nowMs: number) => {
      if (!this.trap) return exports.decide(nowMs);
      this.trap = false;
      throw new WebAssembly.RuntimeError("unreachable");
    };
    return { ...exports, decide };
  }

  /** Waits for the reports that are on their way. */
  async reported(): Promise<Report[]> {
    await Promise.all(this.#pending.splice(0));
    return this.region.reports;
  }
}

export interface Claims {
  iss?: string;
  aud?: string;
  sub?: string;
  scope?: string;
  dev?: string;
  fw?: string;
  exp?: number;
}

export function token(claims: Claims = {}, signedWith = secret): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  return new SignJWT({ iss: "https://id.example", aud: "fleet", sub: "sensor-1", exp, ...claims })
    .setProtectedHeader({ alg: "HS256", kid: "d1" })
    .sign(new TextEncoder().encode(signedWith));
}

export async function bearer(claims: Claims = {}): Promise<{ headers: Record<string, string> }> {
  return { headers: { Authorization: `Bearer ${await token(claims)}` } };
}

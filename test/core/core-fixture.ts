import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import * as abi from "../../wasm/abi.ts";
import { bootCore, type CoreExports } from "../../worker/engine/core.ts";
import { RequestRecord } from "../../worker/engine/request-record.ts";
import { VerdictRecord } from "../../worker/engine/verdict-record.ts";
import { compile } from "../../worker/policy/compile.ts";
import type { CompiledPolicy } from "../../worker/policy/compiled.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";

/** The core's exports that only tests, the Region object and benchmarks call. */
export interface TestCore extends CoreExports {
  path_normalize(length: number): number;
  latency_bucket(ms: number): number;
  token_verify(slot: number, authenticator: number, nowMs: number): number;
  compact_verify(slot: number, authenticator: number): number;
  proof_verify(slot: number, authenticator: number, nowMs: number): number;
  gcra_new(cells: number): number;
  gcra_take(
    handle: number,
    keyLow: number,
    keyHigh: number,
    intervalUs: number,
    toleranceUs: number,
    flags: number,
    nowUs: number,
  ): number;
  gcra_evictions(handle: number): number;
  sampler_new(k: number): number;
  sampler_offer(handle: number, stratum: number, priority: number, weight: number, threshold: number): number;
  sampler_take(handle: number): number;
  sampler_list(handle: number): number;
  sampler_threshold(handle: number, stratum: number): number;
  sampler_resize(handle: number, k: number): void;
}

export const coreModule = new WebAssembly.Module(readFileSync(new URL("../../wasm/build/core.wasm", import.meta.url)));

/** A booted core. The same seed gives the same event ids. */
export function newCore({ seed = 1, cells = 1024, samples = 16 } = {}): TestCore {
  const secret = new Uint8Array(32);
  new DataView(secret.buffer).setUint32(16, seed, true);
  return bootCore(coreModule, secret, cells, samples) as TestCore;
}

/** Compiles a policy's text; every env: secret is its own name, long enough for HS256. */
export async function compileText(text: string, version = 1, secretOf = secretNamed): Promise<CompiledPolicy> {
  const parsed = await parsePolicy(text, 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const compilation = await compile(parsed.policy, { version, seed: new Uint8Array(16).fill(7), secretOf });
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  return compilation.compiled;
}

export function secretNamed(ref: string): string {
  return `${ref} is what this secret is called`;
}

/** Loads an image into a slot; LOAD_*. */
export function loadImage(core: CoreExports, image: Uint8Array, slot = 0): number {
  const address = slot === 0 ? abi.IMAGE_SLOT_0 : abi.IMAGE_SLOT_1;
  new Uint8Array(core.memory.buffer, address, image.length).set(image);
  return core.image_load(slot, image.length);
}

/** Writes the checksum that image_load expects: without it nothing that was changed gets past the first check. */
export function sealImage(image: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5;
  const mix = (byte: number) => {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  };
  image.subarray(abi.IMAGE_HEADER).forEach(mix);
  image.subarray(abi.HEADER_SECTIONS, abi.IMAGE_HEADER).forEach(mix);
  new DataView(image.buffer, image.byteOffset).setUint32(abi.HEADER_CHECKSUM, hash, true);
  return image;
}

export interface TestRequest {
  method?: string;
  path?: string;
  host?: string;
  address?: string | null;
  /** By credential slot. */
  credentials?: (string | null)[];
  /** By slot: the headers that limits count by. */
  keyHeaders?: (string | null)[];
  asn?: number;
  country?: string;
  flags?: number;
  nowMs?: number;
}

export const nowMs = Date.UTC(2026, 9, 1);

/** A core with a policy in force, driven as the gateway drives it. */
export class TestGateway {
  readonly core: TestCore;
  readonly request: RequestRecord;
  readonly verdict: VerdictRecord;

  constructor(core: TestCore, image: Uint8Array | null) {
    this.core = core;
    this.request = new RequestRecord(core.memory);
    this.verdict = new VerdictRecord(core.memory);
    if (image === null) return;
    const code = loadImage(core, image);
    if (code !== abi.LOAD_OK) throw new Error(`image_load answered ${code}`);
    core.image_activate(0);
  }

  /** Writes the request and decides it. */
  decide(request: TestRequest = {}): { verdict: number; reason: number; operation: number; service: number; ticket: number } {
    this.write(request);
    const verdict = this.core.decide(request.nowMs ?? nowMs);
    const { reason, operation, service, ticket } = this.verdict;
    return { verdict, reason, operation, service, ticket };
  }

  write(request: TestRequest): void {
    const record = this.request;
    record.method(request.method ?? "GET", request.flags ?? 0);
    record.path(request.path ?? "/");
    record.host(request.host ?? "");
    record.address(request.address === undefined ? "192.0.2.1" : request.address);
    record.network(request.asn ?? 64500, request.country ?? "DE", "FRA");
    for (let slot = 0; slot < abi.KEY_HEADERS; slot++) record.keyHeader(slot, request.keyHeaders?.[slot] ?? null);
    for (let slot = 0; slot < abi.CREDENTIAL_SLOTS; slot++) record.credential(slot, request.credentials?.[slot] ?? null);
  }
}

/** An HS256 token (RFC 7515). */
export function signToken(claims: Record<string, unknown>, secret: string, header: Record<string, unknown> = {}): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg: "HS256", typ: "JWT", ...header })}.${part(claims)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

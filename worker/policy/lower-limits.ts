import * as abi from "../../wasm/abi.ts";
import type { ImageWriter } from "./image-writer.ts";
import { isOfCaller, type LimitKey } from "./limit-key.ts";
import { firstContactOf, holdSecondsOf, isWide, type LimitWindow, refusesWhenAway } from "./limit-terms.ts";
import type { Plan } from "./plan.ts";
import type { PlannedLimit } from "./plan-limits.ts";
import type { Rate } from "./quantity.ts";
import type { Limit } from "./schema-limit.ts";

const keyCodes: Readonly<Record<LimitKey["kind"], number>> = {
  principal: abi.KEY_PRINCIPAL,
  address: abi.KEY_ADDRESS,
  claim: abi.KEY_CLAIM,
  operation: abi.KEY_OPERATION,
  service: abi.KEY_SERVICE,
  credential: abi.KEY_CREDENTIAL,
  network: abi.KEY_NETWORK,
  asn: abi.KEY_ASN,
  country: abi.KEY_COUNTRY,
  parameter: abi.KEY_PARAMETER,
  header: abi.KEY_HEADER,
};

const counted: Readonly<Record<Limit["counts"], number>> = {
  requests: abi.COUNT_REQUESTS,
  "upstream-cost": abi.COUNT_UPSTREAM_COST,
  "bytes-in": abi.COUNT_BYTES_IN,
  "bytes-out": abi.COUNT_BYTES_OUT,
  bytes: abi.COUNT_BYTES,
};

export function writeLimits(writer: ImageWriter, plan: Plan): void {
  for (const planned of plan.limits) {
    const { limit, window } = planned;
    const { view } = writer.record(abi.SECTION_LIMITS);
    const parts = writer.list(limit.by.flatMap((part) => [keyCodes[part.kind], argumentOf(plan, planned, part)]));
    const { intervalUs, toleranceUs } = pace(limit, window);
    view.setBigUint64(abi.LIMIT_SALT, saltOf(planned), true);
    view.setFloat64(abi.LIMIT_INTERVAL_US, intervalUs, true);
    view.setFloat64(abi.LIMIT_TOLERANCE_US, toleranceUs, true);
    view.setUint32(abi.LIMIT_PARTS_FIRST, parts.first, true);
    view.setUint32(abi.LIMIT_PARTS_COUNT, limit.by.length, true);
    view.setUint32(abi.LIMIT_FLAGS, flagsOf(limit), true);
    view.setUint32(abi.LIMIT_BURST, Math.min(window.burst, 0xffffffff), true);
    view.setBigUint64(abi.LIMIT_NAME_HASH, nameHash(limit.name), true);
    view.setUint32(abi.LIMIT_KIND, kindOf(limit), true);
    view.setUint32(abi.LIMIT_COUNTS, counted[limit.counts], true);
    view.setUint32(abi.LIMIT_FIRST_CONTACT, firstContactOf(limit, window), true);
    view.setUint32(abi.LIMIT_HOLD_S, limit.concurrent === undefined ? 0 : holdSecondsOf(limit), true);
  }
}

function kindOf({ concurrent, quota }: Limit): number {
  return concurrent !== undefined ? abi.LIMIT_CONCURRENT : quota !== undefined ? abi.LIMIT_QUOTA : abi.LIMIT_RATE;
}

/** Windows of one limit count apart, each under its own length, so that another list of them finds the counts again. */
function saltOf({ limit, window }: PlannedLimit): bigint {
  const isOnly = (limit.rate ?? []).length <= 1;
  return nameHash(isOnly ? limit.name : `${limit.name}\0${window.windowSeconds}`);
}

/** GCRA's T and τ. A byte may cost less than a µs, so that its T stays a fraction and each charge is rounded up instead. */
function pace(limit: Limit, window: LimitWindow): { intervalUs: number; toleranceUs: number } {
  if (window.windowSeconds === 0) return { intervalUs: 1, toleranceUs: 0 };
  if (limit.counts.startsWith("bytes")) {
    const intervalUs = (window.windowSeconds * 1e6) / window.count;
    return { intervalUs, toleranceUs: Math.floor(window.burst * intervalUs) };
  }
  const whole = intervalUs({ rate: window });
  return { intervalUs: whole, toleranceUs: (window.burst - 1) * whole };
}

function argumentOf({ claims, keyHeaders }: Plan, { segments }: PlannedLimit, part: LimitKey): number {
  if (part.kind === "claim") return claims.indexOf(part.claim);
  if (part.kind === "header") return keyHeaders.indexOf(part.header);
  return part.kind === "parameter" ? (segments.get(part.parameter) ?? -1) : -1;
}

function flagsOf(limit: Limit): number {
  let flags = 0;
  if (limit.strict) flags |= abi.LIMIT_STRICT;
  if (isByAddress(limit)) flags |= abi.LIMIT_BY_ADDRESS;
  if (limit.mode === "shadow") flags |= abi.LIMIT_SHADOW;
  if (isWide(limit)) flags |= abi.LIMIT_WIDE;
  if (refusesWhenAway(limit)) flags |= abi.LIMIT_AWAY_REFUSES;
  return limit.penalty === undefined ? flags : flags | abi.LIMIT_PENALTY;
}

function isByAddress({ by }: Limit): boolean {
  return by.some(({ kind }) => kind === "address" || kind === "network") && !by.some(isOfCaller);
}

/** GCRA's T: µs that one request costs, rounded up, so that rounding never admits more than the rate. */
export function intervalUs({ rate }: { rate: Rate | LimitWindow }): number {
  return Math.ceil((rate.windowSeconds * 1e6) / rate.count);
}

/** FNV-1a, 64 bits, of the name of what is counted: counts survive a policy that renumbers. */
export function nameHash(name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

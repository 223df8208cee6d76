import * as abi from "../../wasm/abi.ts";
import type { ImageWriter } from "./image-writer.ts";
import { isOfCaller, type LimitKey } from "./limit-key.ts";
import type { Plan } from "./plan.ts";
import type { PlannedLimit } from "./plan-limits.ts";
import type { Limit } from "./schema.ts";

const MAX_DEFAULT_BURST = 100;

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

export function writeLimits(writer: ImageWriter, plan: Plan): void {
  for (const planned of plan.limits) {
    const { limit } = planned;
    const { view } = writer.record(abi.SECTION_LIMITS);
    const burst = burstOf(limit);
    const parts = writer.list(limit.by.flatMap((part) => [keyCodes[part.kind], argumentOf(plan, planned, part)]));
    view.setBigUint64(abi.LIMIT_SALT, nameHash(limit.name), true);
    view.setFloat64(abi.LIMIT_INTERVAL_US, intervalUs(limit), true);
    view.setFloat64(abi.LIMIT_TOLERANCE_US, (burst - 1) * intervalUs(limit), true);
    view.setUint32(abi.LIMIT_PARTS_FIRST, parts.first, true);
    view.setUint32(abi.LIMIT_PARTS_COUNT, limit.by.length, true);
    view.setUint32(abi.LIMIT_FLAGS, flagsOf(limit), true);
    view.setUint32(abi.LIMIT_BURST, burst, true);
  }
}

function argumentOf({ claims, keyHeaders }: Plan, { segments }: PlannedLimit, part: LimitKey): number {
  if (part.kind === "claim") return claims.indexOf(part.claim);
  if (part.kind === "header") return keyHeaders.indexOf(part.header);
  return part.kind === "parameter" ? (segments.get(part.parameter) ?? -1) : -1;
}

function flagsOf(limit: Limit): number {
  const strict = limit.strict ? abi.LIMIT_STRICT : 0;
  const byAddress = isByAddress(limit) ? abi.LIMIT_BY_ADDRESS : 0;
  return strict | byAddress | (limit.mode === "shadow" ? abi.LIMIT_SHADOW : 0);
}

function isByAddress({ by }: Limit): boolean {
  return by.some(({ kind }) => kind === "address" || kind === "network") && !by.some(isOfCaller);
}

/** GCRA's T: µs that one request costs, rounded up, so that rounding never admits more than the rate. */
export function intervalUs({ rate }: { rate: Limit["rate"] }): number {
  return Math.ceil((rate.windowSeconds * 1e6) / rate.count);
}

/** The policy's burst, or the rate's count up to 100: over one window a caller then gets at most twice the rate. */
export function burstOf({ rate, burst }: Pick<Limit, "rate" | "burst">): number {
  return burst ?? Math.min(rate.count, MAX_DEFAULT_BURST);
}

/** FNV-1a, 64 bits, of the name of what is counted: counts survive a policy that renumbers. */
export function nameHash(name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

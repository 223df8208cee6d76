import * as abi from "../../wasm/abi.ts";
import type { ImageWriter } from "./image-writer.ts";
import type { Plan } from "./plan.ts";
import type { Limit, LimitKey } from "./schema.ts";

const MAX_DEFAULT_BURST = 100;

const keyCodes: Readonly<Record<LimitKey["kind"], number>> = {
  principal: abi.KEY_PRINCIPAL,
  address: abi.KEY_ADDRESS,
  claim: abi.KEY_CLAIM,
  operation: abi.KEY_OPERATION,
  service: abi.KEY_SERVICE,
};

export function writeLimits(writer: ImageWriter, plan: Plan): void {
  for (const limit of plan.policy.limits) {
    const { view } = writer.record(abi.SECTION_LIMITS);
    const burst = burstOf(limit);
    view.setBigUint64(abi.LIMIT_SALT, limitSalt(limit.name), true);
    view.setFloat64(abi.LIMIT_INTERVAL_US, intervalUs(limit), true);
    view.setFloat64(abi.LIMIT_TOLERANCE_US, (burst - 1) * intervalUs(limit), true);
    view.setUint32(abi.LIMIT_KEY, keyCodes[limit.by.kind], true);
    view.setInt32(abi.LIMIT_CLAIM, limit.by.kind === "claim" ? plan.claims.indexOf(limit.by.claim) : -1, true);
    view.setUint32(abi.LIMIT_FLAGS, limit.strict ? abi.LIMIT_STRICT : 0, true);
    view.setUint32(abi.LIMIT_BURST, burst, true);
  }
}

/** GCRA's T: µs that one request costs, rounded up, so that rounding never admits more than the rate. */
export function intervalUs({ rate }: { rate: Limit["rate"] }): number {
  return Math.ceil((rate.windowSeconds * 1e6) / rate.count);
}

/** The policy's burst, or the rate's count up to 100: over one window a caller then gets at most twice the rate. */
export function burstOf({ rate, burst }: Pick<Limit, "rate" | "burst">): number {
  return burst ?? Math.min(rate.count, MAX_DEFAULT_BURST);
}

/** FNV-1a, 64 bits, of the name of what is counted. */
export function limitSalt(name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

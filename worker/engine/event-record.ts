import * as abi from "../../wasm/abi.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import type { SampledEvent } from "../region/report.ts";
import { kindNames, methodNames, reasonNames, verdictNames } from "./names.ts";

const utf8 = new TextDecoder();

/** Turns the 512-byte record at `address` into the event that a report carries. Names come from the policy that decided. */
export function readEvent(memory: WebAssembly.Memory, address: number, meta: PolicyMeta, region: string): SampledEvent {
  const view = new DataView(memory.buffer, address, abi.EVENT_SIZE);
  const text = (offset: number, length: number) => utf8.decode(new Uint8Array(memory.buffer, address + offset, length));
  const settled = view.getUint8(abi.EVENT_SETTLED) === 1;
  const operation = meta.operations[view.getInt32(abi.EVENT_OPERATION, true)];
  const limit = view.getInt32(abi.EVENT_LIMIT, true);
  return {
    id: view.getBigUint64(abi.EVENT_ID, true).toString(16).padStart(16, "0"),
    timeMs: view.getFloat64(abi.EVENT_TIME_MS, true),
    region,
    verdict: verdictNames[view.getUint8(abi.EVENT_VERDICT)] ?? "refuse",
    reason: reasonNames[view.getUint8(abi.EVENT_REASON)] ?? "",
    service: operation === undefined ? "" : (meta.services[operation.service]?.name ?? ""),
    method: methodNames[view.getUint8(abi.EVENT_METHOD)] ?? "OTHER",
    operation: operation?.template ?? "",
    path: text(abi.EVENT_PATH, view.getUint16(abi.EVENT_PATH_LENGTH, true)),
    status: settled ? view.getUint16(abi.EVENT_STATUS, true) : null,
    latencyMs: settled ? view.getFloat64(abi.EVENT_LATENCY_MS, true) : null,
    bytesIn: view.getFloat64(abi.EVENT_BYTES_IN, true),
    bytesOut: view.getFloat64(abi.EVENT_BYTES_OUT, true),
    principal: text(abi.EVENT_PRINCIPAL, view.getUint8(abi.EVENT_PRINCIPAL_LENGTH)),
    kind: kindNames[view.getUint8(abi.EVENT_KIND)] ?? "",
    authenticator: meta.authenticators[view.getInt16(abi.EVENT_AUTHENTICATOR, true)]?.name ?? "",
    limit: limit < 0 ? "" : (meta.limits[limit]?.name ?? ""),
    address: text(abi.EVENT_ADDRESS, view.getUint8(abi.EVENT_ADDRESS_LENGTH)),
    country: letters(view.getUint16(abi.EVENT_COUNTRY, true), 2),
    asn: view.getUint32(abi.EVENT_ASN, true),
    colo: letters(view.getUint32(abi.EVENT_COLO, true), 3),
    stratum: view.getUint8(abi.EVENT_STRATUM),
    priority: view.getFloat64(abi.EVENT_PRIORITY, true),
    weight: view.getFloat64(abi.EVENT_WEIGHT, true),
    threshold: view.getFloat64(abi.EVENT_THRESHOLD, true),
  };
}

/** Inverse of the packing in request-record.ts; "" = unknown. */
export function letters(packed: number, count: number): string {
  if (packed === 0) return "";
  let code = "";
  for (let i = 0; i < count; i++) code += String.fromCharCode((packed >> (8 * i)) & 0xff);
  return code;
}

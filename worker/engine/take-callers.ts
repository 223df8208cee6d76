import * as abi from "../../wasm/abi.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import type { CallerIncrement } from "../region/report.ts";
import type { CoreExports } from "./core.ts";
import { letters } from "./event-record.ts";
import { kindNames } from "./names.ts";

/** Characters of JSON that callers may take of a report, which has to fit into one row of the region's journal. */
const MAX_CHARACTERS = 400_000;
/** The last instant that a Date can hold: a credential that outlives it never expires. */
const LAST_MS = 8.64e15;

const utf8 = new TextDecoder();

/**
 * The callers that the core listed since the last call, which starts the list anew.
 *
 * @param operations of the report, by their index in the image: all that were called are in it
 */
export function takeCallers(core: CoreExports, meta: PolicyMeta, operations: Uint32Array) {
  const { buffer } = core.memory;
  const callers = Array.from({ length: core.callers_count() }, (_, i) =>
    readCaller(buffer, abi.CALLERS + i * abi.CALLER_SIZE, meta),
  );
  const indexOf = new Map([...operations].map((operation, index) => [operation, index]));
  const pairs = new Uint32Array(buffer, abi.CALLER_PAIRS, (core.caller_pairs_count() * abi.PAIR_SIZE) / 4);
  for (let at = 0; at < pairs.length; at += abi.PAIR_SIZE / 4) {
    const [key = 0, allowed = 0, refused = 0] = pairs.subarray(at, at + 3);
    const index = indexOf.get(key % abi.MAX_OPERATIONS) ?? 0;
    callers[Math.floor(key / abi.MAX_OPERATIONS)]?.operations.push([index, allowed, refused]);
  }
  core.callers_clear();
  return fitting(callers);
}

/** Those there is room for, in the order in which they came, and the requests of the rest. */
function fitting(all: CallerIncrement[]): { callers: CallerIncrement[]; callersUnlisted: number } {
  const callers: CallerIncrement[] = [];
  let callersUnlisted = 0;
  let room = MAX_CHARACTERS;
  for (const caller of all) {
    room -= JSON.stringify(caller).length + 1;
    if (room >= 0) callers.push(caller);
    else for (const [, allowed, refused] of caller.operations) callersUnlisted += allowed + refused;
  }
  return { callers, callersUnlisted };
}

function readCaller(buffer: ArrayBuffer, address: number, meta: PolicyMeta): CallerIncrement {
  const view = new DataView(buffer, address, abi.CALLER_SIZE);
  const lengths = {
    principal: view.getUint16(abi.CALLER_PRINCIPAL_LENGTH, true),
    credential: view.getUint8(abi.CALLER_CREDENTIAL_LENGTH),
    scopes: view.getUint16(abi.CALLER_SCOPES_LENGTH, true),
  };
  const text = (offset: number, length: number) => utf8.decode(new Uint8Array(buffer, address + offset, length));
  const firmwareAt = abi.CALLER_PRINCIPAL + whole(lengths.principal) + abi.CALLER_ADDRESS_SIZE;
  const credentialAt = firmwareAt + abi.CALLER_FIRMWARE_SIZE;
  const expiresMs = dateOf(view.getFloat64(abi.CALLER_EXPIRES_MS, true));
  return {
    authenticator: meta.authenticators[view.getInt32(abi.CALLER_AUTHENTICATOR, true)]?.name ?? "",
    principal: text(abi.CALLER_PRINCIPAL, lengths.principal),
    kind: kindNames[view.getUint8(abi.CALLER_KIND)] ?? "",
    credential: text(credentialAt, lengths.credential),
    scopes: text(credentialAt + whole(lengths.credential), lengths.scopes),
    firmware: text(firmwareAt, view.getUint8(abi.CALLER_FIRMWARE_LENGTH)),
    roles: roleNames(meta, view.getUint32(abi.CALLER_ROLES, true)),
    issuedMs: dateOf(view.getFloat64(abi.CALLER_ISSUED_MS, true)),
    expiresMs,
    lifetimeMs: lifetimeOf(view.getFloat64(abi.CALLER_LIFETIME_MS, true)),
    endless: view.getUint8(abi.CALLER_ENDLESS) === 1 || expiresMs === null,
    firstMs: view.getFloat64(abi.CALLER_FIRST_MS, true),
    lastMs: view.getFloat64(abi.CALLER_LAST_MS, true),
    addresses: [view.getUint32(abi.CALLER_ADDRESSES, true), view.getUint32(abi.CALLER_ADDRESSES + 4, true)],
    places: Array.from({ length: view.getUint8(abi.CALLER_PLACE_COUNT) }, (_, i) => {
      const at = abi.CALLER_PLACES + 8 * i;
      return [letters(view.getUint16(at + 4, true), 2), view.getUint32(at, true)];
    }),
    operations: [],
  };
}

/** Texts begin at multiples of 16. */
function whole(length: number): number {
  return Math.ceil(length / 16) * 16;
}

function roleNames({ roles }: PolicyMeta, bits: number): string {
  return roles
    .filter((_, bit) => ((bits >>> bit) & 1) === 1)
    .map(({ name }) => name)
    .join(" ");
}

/** Whole ms; null where there is no such date. */
function dateOf(ms: number): number | null {
  return Math.abs(ms) < LAST_MS ? Math.round(ms) : null;
}

/** A token that ends before it begins has none. */
function lifetimeOf(ms: number): number | null {
  return ms >= 0 ? Math.round(Math.min(ms, LAST_MS)) : null;
}

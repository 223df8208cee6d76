import * as abi from "../../wasm/abi.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import type { RefusalIncrement } from "../region/report.ts";
import type { CoreExports } from "./core.ts";

const utf8 = new TextDecoder();

/** The keys that limits with a penalty refused since the last call, which starts the list anew. */
export function takeRefusals(core: CoreExports, meta: PolicyMeta): RefusalIncrement[] {
  if (core.refusals_count() === 0) return [];
  const refusals: RefusalIncrement[] = [];
  for (let i = 0; i < abi.MAX_REFUSED_KEYS; i++) {
    const address = abi.REFUSED_KEYS + i * abi.REFUSED_KEY_SIZE;
    const view = new DataView(core.memory.buffer, address, abi.REFUSED_KEY_SIZE);
    if (view.getBigUint64(abi.REFUSED_KEY, true) !== 0n) refusals.push(readRefusal(view, meta));
  }
  core.refusals_clear();
  return refusals;
}

function readRefusal(view: DataView, meta: PolicyMeta): RefusalIncrement {
  const text = (offset: number, length: number) => utf8.decode(new Uint8Array(view.buffer, view.byteOffset + offset, length));
  const limit = meta.limits[view.getInt32(abi.REFUSED_LIMIT, true)];
  return {
    limit: limit?.name ?? "",
    window: limit?.window ?? 0,
    key: view.getBigUint64(abi.REFUSED_KEY, true).toString(16).padStart(16, "0"),
    authenticator: meta.authenticators[view.getInt32(abi.REFUSED_AUTHENTICATOR, true)]?.name ?? "",
    principal: text(abi.REFUSED_PRINCIPAL, view.getUint8(abi.REFUSED_PRINCIPAL_LENGTH)),
    address: text(abi.REFUSED_ADDRESS, view.getUint8(abi.REFUSED_ADDRESS_LENGTH)),
    refusals: view.getUint32(abi.REFUSED_REFUSALS, true),
    knocks: view.getUint32(abi.REFUSED_KNOCKS, true),
  };
}

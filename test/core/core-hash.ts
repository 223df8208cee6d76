import * as abi from "../../wasm/abi.ts";
import type { CoreExports } from "../../worker/engine/core.ts";
import { newCore } from "./core-fixture.ts";

interface HashExports extends CoreExports {
  sha256(address: number, length: number, out: number): void;
  hmac_sha256(keyAddress: number, keyLength: number, address: number, length: number, out: number): void;
}

const core = newCore() as unknown as HashExports;
const memory = new Uint8Array(core.memory.buffer);
// An image slot that nothing is loaded into serves as working memory.
const MESSAGE = abi.IMAGE_SLOT_1;
const KEY = MESSAGE + 0x100000;
const OUT = KEY + 0x10000;

const digest = () => Buffer.from(memory.subarray(OUT, OUT + 32)).toString("hex");

/** The core's SHA-256, in hex. */
export function coreSha256(message: Uint8Array): string {
  memory.set(message, MESSAGE);
  core.sha256(MESSAGE, message.length, OUT);
  return digest();
}

/** The core's HMAC-SHA-256, in hex. */
export function coreHmac(key: Uint8Array, message: Uint8Array): string {
  memory.set(key, KEY);
  memory.set(message, MESSAGE);
  core.hmac_sha256(KEY, key.length, MESSAGE, message.length, OUT);
  return digest();
}

import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { createSHA256 } from "hash-wasm";
import { SCRATCH } from "../../../wasm/abi.ts";
import { instantiateCore } from "../../../worker/engine/core.ts";

/** Bytes in, a fresh 32-byte digest out. */
export interface Sha256Hasher {
  name: string;
  digest(message: Uint8Array): Uint8Array;
}

interface HashingCore {
  memory: WebAssembly.Memory;
  sha256(address: number, length: number, out: number): void;
}

/** Each in its fastest form that is reused between messages. */
export async function sha256Hashers(module: WebAssembly.Module): Promise<Sha256Hasher[]> {
  const hashWasm = await createSHA256();
  return [
    coreHasher(instantiateCore<HashingCore>(module)),
    { name: "@noble/hashes", digest: nobleSha256 },
    { name: "hash-wasm", digest: (message) => hashWasm.init().update(message).digest("binary") },
  ];
}

/** Messages of up to 4 KiB, which is more than the benchmark has. */
function coreHasher(core: HashingCore): Sha256Hasher {
  const input = new Uint8Array(core.memory.buffer, SCRATCH, 4096);
  const out = SCRATCH + input.length;
  const digest = new Uint8Array(core.memory.buffer, out, 32);
  return {
    name: "core",
    digest: (message) => {
      input.set(message);
      core.sha256(SCRATCH, message.length, out);
      return digest.slice();
    },
  };
}

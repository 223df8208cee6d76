import * as abi from "../../../wasm/abi.ts";
import type { CoreExports } from "../../../worker/engine/core.ts";
import type { Engine } from "../../../worker/engine/engine.ts";

/** Judges a token's tag; the time that it takes is what is looked at. */
export interface TagComparer {
  name: string;
  /** Puts a token before it; not timed. */
  present(authorization: Uint8Array, expected: Uint8Array, tag: Uint8Array): void;
  /** True = the tag is the one expected. */
  judge(): boolean;
}

type JudgingCore = CoreExports & { compact_verify(slot: number, authenticator: number): number };

/** The core as built: header, key and signature of an HS256 token. */
export function coreComparer(engine: Engine): TagComparer {
  const core = engine.core as JudgingCore;
  const slot = new Uint8Array(core.memory.buffer, abi.CREDENTIALS, abi.MAX_TOKEN);
  const lengths = new Int32Array(core.memory.buffer, abi.REQUEST_CREDENTIAL_LENGTHS, 1);
  return {
    name: "core",
    present(authorization) {
      slot.set(authorization);
      lengths[0] = authorization.length;
    },
    judge: () => core.compact_verify(0, 0) === abi.REASON_NONE,
  };
}

/** The same work, and then a comparison that stops at the first byte that differs: what the test must be able to see. */
export function leakyComparer(engine: Engine): TagComparer {
  const core = coreComparer(engine);
  const expectedTag = new Uint8Array(32);
  const givenTag = new Uint8Array(32);
  return {
    name: "the core and a comparison that stops early",
    present(authorization, expected, tag) {
      core.present(authorization, expected, tag);
      expectedTag.set(expected);
      givenTag.set(tag);
    },
    judge() {
      if (core.judge()) return true;
      for (let i = 0; i < 32; i++) if (expectedTag[i] !== givenTag[i]) return false;
      return true;
    },
  };
}

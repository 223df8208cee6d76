import * as abi from "../../wasm/abi.ts";
import { Engine } from "../../worker/engine/engine.ts";
import { readVerification } from "../../worker/engine/verification-record.ts";
import { Verifier } from "../../worker/gateway/verifier.ts";
import type { CompiledPolicy } from "../../worker/policy/compiled.ts";
import { coreModule } from "./core-fixture.ts";
import { noIo } from "./jws-verifier.ts";

/** The gateway's way from a request to its verdict, in Node: core, WebCrypto where the core asks for it, core again. */
export class NodeGateway {
  readonly engine = new Engine(coreModule, { secret: new Uint8Array(32).fill(5), cells: 1 << 16, samples: 16 });
  readonly #verifier = new Verifier(noIo);
  readonly #policy: CompiledPolicy;

  constructor(policy: CompiledPolicy) {
    this.#policy = policy;
    const loaded = this.engine.load(policy.image);
    if (!loaded.ok) throw new Error(`the core refused the image: ${loaded.code}`);
  }

  /** Signatures that went through WebCrypto so far. */
  get verifications(): number {
    return this.#verifier.verifications;
  }

  /** REASON_* of a GET with the credential. */
  async judge(authorization: string, address: string, path: string, nowMs: number): Promise<number> {
    const { engine } = this;
    this.#write(authorization, address, path);
    let verdict = engine.decide(nowMs);
    if (verdict === abi.VERDICT_VERIFY) {
      const asked = readVerification(engine.core.memory);
      const found = await this.#verifier.verify(asked, this.#policy);
      this.#write(authorization, address, path);
      engine.remember(asked.slot, asked.authenticator, found, nowMs);
      verdict = engine.decide(nowMs);
    }
    if (verdict !== abi.VERDICT_ALLOW && verdict !== abi.VERDICT_REFUSE) throw new Error(`the core answered ${verdict}`);
    const { reason, ticket } = engine.verdict;
    engine.settle(ticket, -1, 0, 0, 0, 0, 0);
    return reason;
  }

  #write(authorization: string, address: string, path: string): void {
    const record = this.engine.request;
    record.method("GET", 0);
    record.path(path);
    record.address(address);
    record.network(0, "", "");
    record.credential(0, authorization);
  }
}

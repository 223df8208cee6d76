import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import core from "../../wasm/build/core.wasm";
import { bootCore } from "../../worker/engine/core.ts";
import { Engine } from "../../worker/engine/engine.ts";
import { compile } from "../../worker/policy/compile.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { JwsVerifier, type ReadingCore, readingPolicy } from "../core/jws-verifier.ts";
import type { JwsVector } from "../core/vectors/jws-vector.ts";
import { judgeSuite } from "../core/vectors/suite.ts";

interface Source {
  name: string;
  valid: number;
  invalid: number;
  /** null = the corpus is not on this machine. */
  vectors: JwsVector[] | null;
}

async function newVerifier(): Promise<JwsVerifier> {
  const parsed = await parsePolicy(readingPolicy, 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const compiled = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf: () => "" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const engine = new Engine(core, { secret: new Uint8Array(32), cells: 1024, samples: 16, boot: bootCore });
  expect(engine.load(compiled.compiled.image)).toEqual({ ok: true });
  return new JwsVerifier(engine.core as ReadingCore);
}

// The WebCrypto that a deployment has is BoringSSL's, Node's is OpenSSL's.
describe.each(JSON.parse(env.TEST_JWS) as Source[])("$name", ({ name, valid, invalid, vectors }) => {
  it("is judged in workerd as published, but where it says why not", async ({ skip }) => {
    if (vectors === null) return skip(`its corpus is not here: ${valid + invalid} cases are not judged in workerd`);
    const verifier = await newVerifier();
    const read = () => vectors.map(({ jws, jwk, ...vector }) => ({ ...vector, judge: () => verifier.verify(jws, jwk) }));
    const tally = await judgeSuite({ name, by: "workerd", valid, invalid, read });
    expect(tally?.wrong).toEqual([]);
    expect([tally?.valid, tally?.invalid]).toEqual([valid, invalid]);
  });
});

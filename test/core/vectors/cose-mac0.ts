import * as abi from "../../../wasm/abi.ts";
import { compileText, newCore, TestGateway } from "../core-fixture.ts";
import { base64url, type CwtCore, fromHex } from "../cwt-fixture.ts";
import { readCorpus } from "./corpora.ts";
import type { Suite, Vector } from "./suite.ts";

interface Example {
  intermediates: { CEK_hex: string };
  output: { cbor: string };
}

const unprotected = "alg is not protected: it could be swapped for a weaker one (RFC 9053 §2 leaves it to the application)";
const examples: [string, string | undefined][] = [
  ["cwt/A_4", undefined],
  ["cwt/A_7", undefined],
  ["mac0/mac-pass-01", unprotected],
  ["mac0/mac-pass-02", unprotected],
  ["mac0/mac-pass-03", unprotected],
];
// RFC 8392 appendix A.2.2: the key of its MACed tokens, 256 bits, of which the working group's files have none.
const RFC_KEY = "403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388";

async function judge(message: string, key: string): Promise<boolean> {
  const { image } = await compileText(
    `
picket: 1
services: [{ name: a, match: { path: / }, upstream: "binding:A", auth: [a], operations: [GET /x] }]
authenticators: [{ name: a, type: cwt, audience: x, algorithms: [HMAC 256/256, HMAC 256/64], keys: [{ secret: env:A, encoding: hex }] }]
`,
    1,
    () => key,
  );
  const gateway = new TestGateway(newCore(), image);
  gateway.write({ credentials: [`Bearer ${base64url(fromHex(message))}`] });
  return (gateway.core as CwtCore).cose_verify(0, 0) === abi.REASON_NONE;
}

function read(): Vector[] | null {
  const vectors: Vector[] = [];
  for (const [name, otherwise] of examples) {
    const example = readCorpus<Example>(`cose/${name}.json`);
    if (example === null) return null;
    const key = name.startsWith("cwt") ? RFC_KEY : example.intermediates.CEK_hex;
    vectors.push({ id: name, valid: true, judge: () => judge(example.output.cbor, key), otherwise });
  }
  return vectors;
}

export const coseMac0: Suite = { name: "COSE WG and RFC 8392, COSE_Mac0", by: "core", valid: 5, invalid: 0, read };

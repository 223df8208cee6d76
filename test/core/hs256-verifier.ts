import { createHash } from "node:crypto";
import * as abi from "../../wasm/abi.ts";
import { compile } from "../../worker/policy/compile.ts";
import { hmacMidstates } from "../../worker/policy/midstate.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { newCore, sealImage, TestGateway } from "./core-fixture.ts";

export interface SecretJwk {
  kty: string;
  alg?: string;
  kid?: string;
  k?: string;
}

/** Stands in for published keys, some of which a policy may not use: they follow a pattern. */
const STRONG = createHash("sha256").update("any").digest("base64url");

/** The image with another HMAC key in its one record. */
function withKey(image: Uint8Array, key: Uint8Array): Uint8Array {
  const { inner, outer } = hmacMidstates(key);
  const directory = abi.HEADER_SECTIONS + 8 * abi.SECTION_HMAC_KEYS;
  const record = new DataView(image.buffer, image.byteOffset).getUint32(directory, true);
  image.set(inner, record + abi.HMAC_KEY_INNER);
  image.set(outer, record + abi.HMAC_KEY_OUTER);
  return sealImage(image);
}

/** Answers REASON_* of a compact JWS under an HS256 key (RFC 7517 §4, RFC 7518 §6.4): the core knows no other algorithm. */
export async function hs256Judge({ kid, k = "" }: SecretJwk): Promise<(jws: string) => number> {
  const key = `{ ${kid === undefined ? "" : `kid: ${kid}, `}secret: env:KEY, encoding: base64url }`;
  const text = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [a], operations: [GET /x] }
authenticators:
  - { name: a, type: jwt, issuer: any, audience: any, algorithms: [HS256], keys: [${key}] }
`;
  const parsed = await parsePolicy(text, 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const compilation = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf: () => STRONG });
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  const gateway = new TestGateway(newCore(), withKey(compilation.compiled.image, Buffer.from(k, "base64url")));
  return (jws) => {
    gateway.write({ credentials: [`Bearer ${jws}`] });
    return gateway.core.compact_verify(0, 0);
  };
}

/** True = the core takes the JWS for genuine. */
export async function hs256Verifier(jwk: SecretJwk): Promise<(jws: string) => boolean> {
  const judge = await hs256Judge(jwk);
  return (jws) => judge(jws) === abi.REASON_NONE;
}

import * as abi from "../../wasm/abi.ts";
import type { CoreExports } from "../../worker/engine/core.ts";
import { RequestRecord } from "../../worker/engine/request-record.ts";
import { Verifier } from "../../worker/gateway/verifier.ts";
import { type Algorithm, algorithms, isSymmetric } from "../../worker/policy/algorithms.ts";
import type { PolicyMeta, VerificationSecret } from "../../worker/policy/compiled.ts";
import { readJwk } from "../../worker/policy/jwk.ts";

/** For policies without remote key sets. */
export const noIo = {
  fetch: () => Promise.reject(new Error("no network")),
  now: () => 0,
  wait: async () => {},
  log: () => {},
};

/** Its one authenticator reads tokens and judges none. */
export const readingPolicy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [a], operations: [GET /x] }
authenticators:
  - { name: a, type: jwt, issuer: any, audience: any, algorithms: [RS256], jwks: https://id.example/jwks.json }
`;

export type ReadingCore = CoreExports & { token_verify(slot: number, authenticator: number, nowMs: number): number };

const unreadable = [abi.REASON_TOKEN_MALFORMED, abi.REASON_CREDENTIAL_MISSING, abi.REASON_CREDENTIAL_TOO_LARGE];

/**
 * Judges a compact JWS whose payload may be anything, as the gateway judges a token's header and signature: the core reads
 * its parts and header, the verifier does the rest. For published vectors, whose payloads are no claims. Runs in Node and in workerd.
 */
export class JwsVerifier {
  readonly #core: ReadingCore;
  readonly #request: RequestRecord;

  /** @param core with the image of `readingPolicy` in force */
  constructor(core: ReadingCore) {
    this.#core = core;
    this.#request = new RequestRecord(core.memory);
  }

  async verify(jws: string, jwk: Record<string, unknown>, allowed: readonly Algorithm[] = algorithms): Promise<boolean> {
    this.#request.credential(0, `Bearer ${jws}`);
    if (unreadable.includes(this.#core.token_verify(0, 0, 0))) return false;
    const [header = "", payload, signature = ""] = jws.split(".");
    const { alg, kid } = JSON.parse(new TextDecoder().decode(bytesOf(header))) as { alg: string; kid?: string };
    const algorithm = allowed.find((name) => name === alg);
    if (algorithm === undefined) return false;
    const { keys, secrets } = keysOf(jwk);
    const meta = { authenticators: [{ verification: { keys, jwks: null } }] } as unknown as PolicyMeta;
    const asked = {
      authenticator: 0,
      slot: 0,
      algorithm: algorithms.indexOf(algorithm),
      kid: kid ?? null,
      input: Uint8Array.from(new TextEncoder().encode(`${header}.${payload}`)),
      signature: bytesOf(signature),
    };
    return (await new Verifier(noIo).verify(asked, { meta, secrets })) === abi.REASON_NONE;
  }
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
}

/** The JWK as a policy or key set would have it: without private members, which those would refuse. */
function publicPart(jwk: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !["d", "p", "q", "dp", "dq", "qi"].includes(name)));
}

function keysOf(jwk: Record<string, unknown>) {
  if (jwk.kty === "oct") {
    const served = algorithms.filter((name) => isSymmetric(name) && (jwk.alg === undefined || jwk.alg === name));
    const secret: VerificationSecret = { authenticator: 0, kid: (jwk.kid as string | undefined) ?? null, key: String(jwk.k) };
    return { keys: [], secrets: served.length > 0 ? [secret] : [] };
  }
  const key = readJwk(publicPart(jwk));
  return { keys: key.ok ? [key.value] : [], secrets: [] };
}

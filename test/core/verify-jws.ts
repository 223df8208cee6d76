import * as abi from "../../wasm/abi.ts";
import { Verifier } from "../../worker/gateway/verifier.ts";
import { type Algorithm, algorithms, isSymmetric } from "../../worker/policy/algorithms.ts";
import type { PolicyMeta, VerificationSecret } from "../../worker/policy/compiled.ts";
import { readJwk } from "../../worker/policy/jwk.ts";
import { compileText, newCore, TestGateway } from "./core-fixture.ts";
import { noIo } from "./node-gateway.ts";

const gateway = new TestGateway(newCore(), (await anyPolicy()).image);

async function anyPolicy() {
  return compileText(`
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [a], operations: [GET /x] }
authenticators:
  - { name: a, type: jwt, issuer: any, audience: any, algorithms: [RS256], jwks: https://id.example/jwks.json }
`);
}

/** The JWK as a policy or key set would have it: without private members, which those would refuse. */
function publicPart(jwk: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !["d", "p", "q", "dp", "dq", "qi"].includes(name)));
}

/**
 * Judges a compact JWS whose payload may be anything, as the gateway judges a token's header and signature: the core reads
 * its parts and header, the verifier does the rest. For published vectors, whose payloads are no claims.
 */
export async function verifyJws(
  jws: string,
  jwk: Record<string, unknown>,
  allowed: readonly Algorithm[] = algorithms,
): Promise<boolean> {
  gateway.write({ credentials: [`Bearer ${jws}`] });
  const reason = gateway.core.token_verify(0, 0, 0);
  if (
    reason === abi.REASON_TOKEN_MALFORMED ||
    reason === abi.REASON_CREDENTIAL_MISSING ||
    reason === abi.REASON_CREDENTIAL_TOO_LARGE
  ) {
    return false;
  }
  const [header = "", payload, signature = ""] = jws.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url").toString()) as { alg: string; kid?: string };
  const algorithm = allowed.find((name) => name === alg);
  if (algorithm === undefined) return false;
  const { keys, secrets } = keysOf(jwk);
  const meta = { authenticators: [{ verification: { keys, jwks: null } }] } as unknown as PolicyMeta;
  const asked = {
    authenticator: 0,
    slot: 0,
    algorithm: algorithms.indexOf(algorithm),
    kid: kid ?? null,
    input: Uint8Array.from(Buffer.from(`${header}.${payload}`)),
    signature: Uint8Array.from(Buffer.from(signature, "base64url")),
  };
  return (await new Verifier(noIo).verify(asked, { meta, secrets })) === abi.REASON_NONE;
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

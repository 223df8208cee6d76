import { verify as honoVerify } from "hono/jwt";
import { jwtVerify } from "jose";
import * as abi from "../../../wasm/abi.ts";
import type { CoreExports } from "../../../worker/engine/core.ts";
import type { Engine } from "../../../worker/engine/engine.ts";

/** Says yes or no to the i-th of some tokens. `prepare` is not timed: it holds what a server would keep, such as imported keys. */
export type TokenVerifier =
  | { name: string; sync: true; prepare(tokens: readonly string[]): (i: number) => boolean }
  | { name: string; sync: false; prepare(tokens: readonly string[]): (i: number) => Promise<boolean> };

export interface TokenRules {
  issuer: string;
  audience: string;
  secret: string;
}

type VerifyingCore = CoreExports & { token_verify(slot: number, authenticator: number, nowMs: number): number };

const utf8 = new TextEncoder();

/** As the gateway does it: the Authorization value goes into the I/O page by encodeInto, then one call. */
export function coreVerifier(engine: Engine, nowMs: number): TokenVerifier {
  const core = engine.core as VerifyingCore;
  const record = engine.request;
  const prepare = (tokens: readonly string[]) => {
    const authorizations = tokens.map((token) => `Bearer ${token}`);
    return (i: number) => {
      record.credential(0, authorizations[i] ?? "");
      return core.token_verify(0, 0, nowMs) === abi.REASON_NONE;
    };
  };
  return { name: "core", sync: true, prepare };
}

/** jose and hono/jwt with the key imported once, and the checks that the core makes: algorithm, issuer, audience, exp, nbf. */
export async function peerVerifiers({ issuer, audience, secret }: TokenRules): Promise<TokenVerifier[]> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", utf8.encode(secret), algorithm, false, ["verify"]);
  const joseOptions = { issuer, audience, algorithms: ["HS256"], requiredClaims: ["exp"] };
  const honoOptions = { alg: "HS256", iss: issuer, aud: audience } as const;
  return [
    { name: "jose", sync: false, prepare: (tokens) => (i) => accepted(jwtVerify(tokens[i] ?? "", key, joseOptions)) },
    { name: "hono/jwt", sync: false, prepare: (tokens) => (i) => accepted(honoVerify(tokens[i] ?? "", key, honoOptions)) },
    { name: "subtle.verify", sync: false, prepare: (tokens) => bareSignatureCheck(tokens, key) },
  ];
}

/** Only the signature: no parsing, no decoding, no claims. The least that any use of WebCrypto costs. */
function bareSignatureCheck(tokens: readonly string[], key: CryptoKey): (i: number) => Promise<boolean> {
  const parts = tokens.map(signedAndSignature);
  return (i) => {
    const { signed, signature } = parts[i] as Parts;
    return crypto.subtle.verify("HMAC", key, signature, signed);
  };
}

interface Parts {
  signed: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

function signedAndSignature(token: string): Parts {
  const dot = token.lastIndexOf(".");
  const base64 = token
    .slice(dot + 1)
    .replaceAll("-", "+")
    .replaceAll("_", "/");
  const signature = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return { signed: utf8.encode(token.slice(0, dot)), signature };
}

async function accepted(verification: Promise<unknown>): Promise<boolean> {
  try {
    await verification;
    return true;
  } catch {
    return false;
  }
}

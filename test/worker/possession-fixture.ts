import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { secret } from "./gateway-fixture.ts";

/** A client that holds a key, as a DPoP client does (RFC 9449). */
export interface Client {
  jwk: JWK;
  jkt: string;
  privateKey: CryptoKey;
}

export async function newClient(algorithm = "ES256"): Promise<Client> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { jwk, jkt: await calculateJwkThumbprint(jwk), privateKey };
}

/** What the issuer gives: bound by `cnf`, or not. */
export function issued(cnf?: Record<string, unknown>, claims: Record<string, unknown> = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  return new SignJWT({ iss: "https://id.example", aud: "fleet", sub: "sensor-1", exp, ...(cnf && { cnf }), ...claims })
    .setProtectedHeader({ alg: "HS256", kid: "d1" })
    .sign(new TextEncoder().encode(secret));
}

export async function proof(client: Client, token: string, htu: string, claims: Record<string, unknown> = {}): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  const ath = btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  const iat = Math.floor(Date.now() / 1000);
  return new SignJWT({ jti: crypto.randomUUID(), htm: "GET", htu, iat, ath, ...claims })
    .setProtectedHeader({ typ: "dpop+jwt", alg: client.jwk.kty === "OKP" ? "EdDSA" : "ES256", jwk: client.jwk })
    .sign(client.privateKey);
}

import { SignJWT } from "jose";
import type { Random } from "../random.ts";

/** What the example policy expects of a device's token. */
const ISSUER = "https://id.fleet.example";
const AUDIENCE = "fleet";
const KEY_ID = "d1";

export const TOKEN_LIFE_SECONDS = 3600;

/** The partner's key whose hash stands in the example policy. It opens nothing but a simulation on this machine. */
export const PARTNER_KEY = "acme-example-key-1f4e0c7a";

export interface TokenClaims {
  subject: string;
  scopes: string;
  nowMs: number;
  issuer?: string;
  lifeSeconds?: number;
}

/** A device's token: HS256, `dev` for the limits by device. @param secret UTF-8 text, as the policy's env: reference holds it */
export function signToken(secret: string, { subject, scopes, nowMs, issuer, lifeSeconds }: TokenClaims): Promise<string> {
  const nowSeconds = Math.floor(nowMs / 1000);
  return new SignJWT({ dev: subject, scope: scopes })
    .setProtectedHeader({ alg: "HS256", kid: KEY_ID, typ: "JWT" })
    .setIssuer(issuer ?? ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(subject)
    .setIssuedAt(nowSeconds - 1)
    .setExpirationTime(nowSeconds + (lifeSeconds ?? TOKEN_LIFE_SECONDS))
    .sign(new TextEncoder().encode(secret));
}

/** What someone tries who does not have the secret: another secret, an old token, another issuer, no signature at all. */
export async function guessedToken(secret: string, nowMs: number, random: Random): Promise<string> {
  const subject = `dev-${String(random.below(10_000)).padStart(4, "0")}`;
  const claims = { subject, scopes: "devices:read devices:admin", nowMs };
  const guess = random.pick(["secret", "changeme", "fleet-2026"]).padEnd(32, "0");
  switch (random.below(6)) {
    case 0:
      return signToken(secret, { ...claims, lifeSeconds: -3600 });
    case 1:
      return signToken(secret, { ...claims, issuer: "https://id.elsewhere.example" });
    case 2: {
      const payload = (await signToken(guess, claims)).split(".")[1];
      return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
    }
    case 3:
      return "not-a-token";
    default:
      return signToken(guess, claims);
  }
}

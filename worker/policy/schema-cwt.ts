import * as z from "zod";
import { MAX_CWT_KEYS } from "./bounds.ts";
import { headerNamePattern, readHeaderName } from "./header-name.ts";
import { readJwk } from "./jwk.ts";
import { durationMs, line, name, owner, publicKey, scopes, strict, text } from "./schema-fields.ts";
import { firmware } from "./schema-firmware.ts";
import { dpopFields } from "./schema-possession.ts";
import { verifications } from "./schema-verifications.ts";
import { readSecretRef, secretRefPattern } from "./secret-ref.ts";

/** COSE algorithms by their IANA names (RFC 9053 §2, §3.1): those of COSE_Mac0 take a secret, those of COSE_Sign1 a public key. */
export const mac0Algorithms = ["HMAC 256/256", "HMAC 256/64"] as const;
export const sign1Algorithms = ["ES256", "EdDSA"] as const;
export const coseAlgorithms = [...mac0Algorithms, ...sign1Algorithms] as const;

/** `type: cwt`: CBOR Web Tokens (RFC 8392) in a COSE_Mac0 or COSE_Sign1. */
export function cwt<Kinds extends readonly [string, ...string[]]>(kinds: Kinds) {
  const audience = line(512, "Audience.").min(1);
  const secret = text(readSecretRef, {
    description: "Where the shared secret is: env:NAME or file:PATH.",
    pattern: secretRefPattern,
  });
  const encoding = z
    .enum(["utf8", "base64url", "hex"])
    .default("utf8")
    .meta({ description: "How the secret's bytes are written." });
  const kid = line(256, "Key id in the token's header, as UTF-8. A key without one serves tokens without one.");
  const jwk = publicKey(readJwk, "Or the public key of ES256 (P-256) or EdDSA (Ed25519), as a JWK (RFC 7517).");
  const key = strict({ kid: kid.min(1).optional(), secret: secret.optional(), encoding, jwk: jwk.optional() });
  const granted = scopes("Scopes of each of these devices: what its own tokens say of scopes is not heard.").default([]);
  const derive = strict({ secret, encoding, scopes: granted }).meta({
    description:
      "One secret for a fleet. A device's key is HKDF-Expand(secret, its id, 32) with SHA-256, that is HMAC-SHA-256(secret, id || 0x01); its tokens name the id as kid, and it is the principal. Instead of keys.",
  });
  return strict({
    name: name("What services call it."),
    type: z.literal("cwt"),
    owner: owner(),
    issuer: line(512, "Required value of the claim iss. Without it any token is taken, whoever it says it is from.")
      .min(1)
      .optional(),
    audience: z
      .union([audience.transform((one) => [one]), z.array(audience).min(1).max(16)])
      .meta({ description: "Audiences, one of which the claim aud must hold." }),
    algorithms: z.array(z.enum(coseAlgorithms)).min(1).max(coseAlgorithms.length).default(["HMAC 256/256"]).meta({
      description:
        "Accepted algorithms. HMAC 256/64 has tags of 8 bytes: for links where each byte counts. ES256 (P-256) and EdDSA (Ed25519) are signatures.",
    }),
    header: text(readHeaderName, {
      description: "Header that carries the token in base64url. Default: Authorization, with the scheme Bearer.",
      pattern: headerNamePattern,
    }).optional(),
    keys: z.array(key).max(MAX_CWT_KEYS).default([]).meta({
      description:
        "Keys that may have made the tag or signature, each a secret or a jwk; several while they are rotated, or one for each device.",
    }),
    derive: derive.optional(),
    verifications: verifications(),
    kind: z.enum(kinds).default("device").meta({ description: "What these callers are." }),
    firmware: firmware().optional(),
    clockTolerance: durationMs(0, 300_000, "How far the issuer's clock may be off.").prefault("30s"),
    requireExp: z.boolean().default(true).meta({ description: "Refuse tokens that never expire." }),
    ...dpopFields(),
  });
}

import * as z from "zod";
import { durationMs } from "./schema-fields.ts";

/** What an authenticator of tokens says of DPoP (RFC 9449). A token that is bound is held to its key whatever stands here. */
export function dpopFields() {
  return {
    dpop: z.enum(["required", "allowed"]).optional().meta({
      description:
        "Take tokens that are bound to a key, each request with its DPoP proof (RFC 9449). required: no others. Without it bound tokens are refused.",
    }),
    dpopMaxAge: durationMs(1000, 3_600_000, "How long after its iat a proof is taken. Default: 60s.").optional(),
    dpopNonce: z.boolean().optional().meta({ description: "Proofs must hold a nonce that the gateway has handed out." }),
  };
}

/** RFC 8705 §3.1 knows a certificate's thumbprint in a JWT; for a CWT there is none. */
export function boundToField() {
  return z
    .enum(["mtls"])
    .optional()
    .meta({ description: "Take only tokens that are bound to the client's TLS certificate (RFC 8705)." });
}

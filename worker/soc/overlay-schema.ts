import { z } from "@hono/zod-openapi";

export const revocationSchema = z
  .object({
    id: z.int(),
    kind: z.enum(["token", "principal", "credential", "issuer"]),
    authenticator: z.string(),
    subject: z.string(),
    beforeMs: z.number().nullable(),
    expiresMs: z.number().nullable(),
    reason: z.string(),
    who: z.string(),
    madeMs: z.number(),
  })
  .openapi("Revocation", { description: "beforeMs null: whenever it was issued; expiresMs null: never ends" });

export const exemptionSchema = z
  .object({
    id: z.int(),
    principal: z.string().nullable(),
    authenticator: z.string().nullable(),
    address: z.string().nullable(),
    limit: z.string().nullable(),
    untilMs: z.number(),
    reason: z.string(),
    who: z.string(),
    madeMs: z.number(),
    endedMs: z.number().nullable(),
    endedBy: z.string().nullable(),
  })
  .openapi("Exemption", {
    description: "Of a principal of an authenticator, or of an address; limit null: every limit; endedMs: ended before its time",
  });

export const grantSchema = z
  .object({
    id: z.int(),
    principal: z.string(),
    authenticator: z.string(),
    scopes: z.array(z.string()),
    fromMs: z.number(),
    untilMs: z.number(),
    reason: z.string(),
    approver: z.string(),
    who: z.string(),
    madeMs: z.number(),
  })
  .openapi("Grant");

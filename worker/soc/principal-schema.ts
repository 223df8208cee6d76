import { z } from "@hono/zod-openapi";
import { grantSchema, revocationSchema } from "./overlay-schema.ts";
import { callerSchema, findingSchema, watchSchema } from "./principals-schema.ts";

const operation = { service: z.string(), method: z.string(), operation: z.string() };
const times = { firstMs: z.number(), lastMs: z.number() };
const credentialSchema = z.object({
  name: z.string().openapi({ description: "An API key's id, a token's kid; empty = nothing names it" }),
  type: z
    .enum(["jwt", "cwt", "api-key"])
    .nullable()
    .openapi({ description: "null: the policy has this authenticator no longer" }),
  issuedMs: z.number().nullable(),
  expiresMs: z.number().nullable(),
  lifetimeMs: z.number().nullable().openapi({ description: "The longest of a credential of this caller" }),
  firmware: z.string().openapi({ description: "What it claims that its device runs; empty = nothing" }),
  isEndless: z.boolean().openapi({ description: "A credential without an expiry was accepted" }),
});
const addressesSchema = z.object({
  day: z.string(),
  isToday: z.boolean(),
  value: z.int(),
  low: z.int(),
  high: z.int().nullable().openapi({ description: "null: more than can be told apart" }),
});

export const principalSchema = callerSchema
  .omit({ operations: true, findings: true })
  .extend({
    generatedMs: z.number(),
    policyVersion: z.int(),
    newest: credentialSchema,
    scopes: z.array(
      z.object({
        scope: z.string(),
        state: z.enum(["used", "unused", "missing", "unknown"]),
        via: z.array(z.string()),
        operations: z.array(z.object(operation)),
        requests: z.number(),
      }),
    ),
    roles: z.array(z.object({ role: z.string(), scopes: z.array(z.string()), isNeeded: z.boolean() })),
    operations: z.array(
      z.object({
        ...operation,
        ...times,
        allowed: z.number(),
        refused: z.number(),
        scopes: z.array(z.string()),
        isListed: z.boolean().openapi({ description: "The policy in force has it" }),
      }),
    ),
    places: z.array(z.object({ country: z.string(), asn: z.int(), ...times })),
    addresses: addressesSchema,
    watch: watchSchema,
    window: z.object({ days: z.int(), requests: z.int() }),
    findings: z.array(findingSchema),
    revocations: z.array(revocationSchema),
    grants: z.array(grantSchema),
  })
  .openapi("Principal");

export type PrincipalDetail = z.infer<typeof principalSchema>;

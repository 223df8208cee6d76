import { z } from "@hono/zod-openapi";
import { type PrincipalCursor, principalOrders } from "../db/principal-rows.ts";
import { findingCodes } from "./privilege-findings.ts";
import { thresholds } from "./privilege-thresholds.ts";

export const findingCode = z.enum(findingCodes);
const kinds = ["user", "service", "device", "agent", "partner"] as const;

/** Before so much was seen of a caller, nothing is said to be unused. */
export const windowQuery = {
  days: z.coerce.number().int().min(1).max(365).default(thresholds.watchDays),
  requests: z.coerce.number().int().min(1).max(1_000_000_000).default(thresholds.watchRequests),
};

export const filterQuery = z.object({
  q: z.string().max(255).default("").openapi({ description: "Part of the principal; ASCII letters in either case" }),
  kind: z.enum(["", ...kinds]).default(""),
  authenticator: z.string().max(63).default(""),
  finding: z
    .enum(["", "any", ...findingCodes])
    .default("")
    .openapi({ description: "Only callers of whom this is found" }),
  ...windowQuery,
});

export const listQuery = filterQuery.extend({
  sort: z.enum(principalOrders).default("last").openapi({
    description: "last: seen last; first: seen first lately; requests: the most; principal: by name",
  }),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(1500).optional().openapi({ description: "`next` of the page before, under the same sort" }),
});

export const remedySchema = z.object({ kind: z.enum(["policy", "command", "issuer"]), text: z.string() }).openapi("Remedy", {
  description: "What makes the finding go away: a line of the policy, a command, or words for who issues the tokens",
});

export const findingSchema = z
  .object({
    code: findingCode,
    subject: z.string().openapi({ description: "The scope or role that it is about; empty = the caller as a whole" }),
    says: z.string(),
    evidence: z.record(z.string(), z.number()),
    remedy: remedySchema,
  })
  .openapi("Finding");

export const watchSchema = z
  .object({ sinceMs: z.number(), lengthMs: z.number(), days: z.int(), requests: z.number(), isEnough: z.boolean() })
  .openapi("Watch", { description: "How long and how much a caller was seen under the operations of the policy in force" });

export const callerSchema = z
  .object({
    authenticator: z.string(),
    principal: z.string(),
    kind: z.string(),
    owner: z.string(),
    credential: z.string(),
    isRevoked: z.boolean(),
    firstMs: z.number(),
    lastMs: z.number(),
    allowed: z.number(),
    refused: z.number(),
    operations: z.int(),
    findings: z.array(z.object({ code: findingCode, count: z.int() })),
  })
  .openapi("Caller");

export const pageSchema = z.object({
  generatedMs: z.number(),
  policyVersion: z.int(),
  authenticators: z.array(z.string()),
  matched: z.int().openapi({ description: "Callers that all filters but `finding` let through" }),
  scanned: z.int(),
  callers: z.array(callerSchema),
  next: z.string().nullable(),
});

export type CallersPage = z.infer<typeof pageSchema>;
export type CallerSummary = z.infer<typeof callerSchema>;

/** An opaque text for where a page ended, and back; null when it is none, or of another order. */
export function cursorText(order: string, { key, authenticator, principal }: PrincipalCursor): string {
  const bytes = new TextEncoder().encode(JSON.stringify([order, key, authenticator, principal]));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

export function readCursor(order: string, text: string): PrincipalCursor | null {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const parts: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (one) => one.charCodeAt(0))));
    const key = order === "principal" ? z.string() : z.number();
    const [, ...cursor] = z.tuple([z.literal(order), key, z.string(), z.string()]).parse(parts);
    return { key: cursor[0], authenticator: cursor[1], principal: cursor[2] };
  } catch {
    return null;
  }
}

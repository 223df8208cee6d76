import { z } from "@hono/zod-openapi";
import { MAX_NETWORKS, MAX_ROLES } from "../../wasm/abi.ts";
import type { ListedKey } from "../db/api-keys.ts";
import { FOREVER_MS } from "../db/revocations.ts";
import { environmentPattern } from "../policy/key-format.ts";
import { readNetwork } from "../policy/network.ts";
import { LEAST_NOTICE_MS } from "./api-key-changes.ts";
import { changeSchema, lineSchema, nameSchema } from "./overlay-change.ts";

/** Bytes that the core keeps of a key's scopes (wasm/abi.ts, KEY_FACT_SCOPES). */
const MOST_SCOPES_BYTES = 216;
const DAY_MS = 86_400_000;
const instant = z.int().min(1).max(FOREVER_MS);
/** RFC 6749 §3.3. */
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, { error: "this is no scope" });
const idSchema = z.string().regex(/^[A-Za-z0-9._:@-]{1,64}$/, { error: "this is no key's id" });
const network = z.string().refine((text) => readNetwork(text).ok, { error: "this is no network such as 203.0.113.0/24" });
const reason = lineSchema(500);

export const newKeySchema = z
  .strictObject({
    authenticator: nameSchema,
    id: idSchema.openapi({ description: "Who calls with this key: the principal" }),
    environment: z
      .string()
      .regex(new RegExp(environmentPattern), { error: "this is no environment" })
      .optional()
      .openapi({ description: "The <env> of pk_<env>_…; what the authenticator says, else live" }),
    kind: z.enum(["user", "service", "device", "agent", "partner"]).default("service"),
    scopes: z
      .array(scope)
      .default([])
      .refine((all) => all.join(" ").length <= MOST_SCOPES_BYTES, { error: `longer than ${MOST_SCOPES_BYTES} bytes together` }),
    roles: z.array(lineSchema(128)).max(MAX_ROLES).default([]),
    owner: lineSchema(200).optional().openapi({ description: "Who answers for it" }),
    addresses: z
      .array(network)
      .max(MAX_NETWORKS)
      .default([])
      .openapi({ description: "Networks from which it may be used; none: from anywhere" }),
    expiresMs: instant.optional().openapi({ description: "The end; without it never" }),
    reason,
  })
  .openapi("NewApiKey");

export const rerollSchema = z
  .strictObject({
    graceMs: z
      .int()
      .min(0)
      .max(30 * DAY_MS)
      .default(DAY_MS)
      .refine((ms) => ms === 0 || ms >= LEAST_NOTICE_MS, { error: `0, or at least ${LEAST_NOTICE_MS}` })
      .openapi({ description: "How long the present key goes on beside the new one; 0: it ends now" }),
    reason,
  })
  .openapi("ApiKeyReroll");

export const expireSchema = z
  .strictObject({
    expiresMs: instant.optional().openapi({ description: `The end, at least ${LEAST_NOTICE_MS} ms ahead; without it now` }),
    reason,
  })
  .openapi("ApiKeyExpiry");

export const reasonSchema = z.strictObject({ reason }).openapi("ApiKeyChange");

export const keyParams = z.object({ authenticator: nameSchema, id: idSchema });

const apiKeySchema = z
  .object({
    authenticator: z.string(),
    id: z.string(),
    environment: z.string(),
    kind: z.string(),
    scopes: z.array(z.string()),
    roles: z.array(z.string()),
    owner: z.string(),
    addresses: z.array(z.string()),
    createdMs: z.number(),
    madeMs: z.number(),
    expiresMs: z.number().nullable(),
    disabledMs: z.number().nullable(),
    previousUntilMs: z.number().nullable(),
    lastUsedMs: z.number().nullable(),
    who: z.string(),
    reason: z.string(),
    changedMs: z.number(),
  })
  .openapi("ApiKey", {
    description:
      "madeMs: of the present key; previousUntilMs: until when the one before it holds; lastUsedMs null: not seen yet; who and reason: of the last change",
  });

export const listSchema = z.object({
  most: z.int(),
  apiKeys: z.array(apiKeySchema),
  next: z.string().nullable().openapi({ description: "Give it as `after` for the next page" }),
});
const key = z.string().openapi({ description: "The key itself: it is not kept, and shown this once" });
export const madeSchema = z.object({ key, apiKey: apiKeySchema });
export const changedSchema = changeSchema.extend({ apiKey: apiKeySchema });
export const rerolledSchema = changedSchema.extend({ key });

/** Without digests: nobody needs them, and a weak key of another origin could be guessed by its own. */
export function shown(key: ListedKey): z.infer<typeof apiKeySchema> {
  const { sha256: _, previousSha256: __, previousMadeMs: ___, version: ____, scopes, ...rest } = key;
  return { ...rest, scopes: scopes === "" ? [] : scopes.split(" ") };
}

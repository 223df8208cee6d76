import { z } from "@hono/zod-openapi";

export const penaltySchema = z
  .object({
    region: z.string(),
    limit: z.string(),
    window: z.int().openapi({ description: "Which of the limit's rates, from 0" }),
    key: z.string().openapi({ description: "16 hex digits: the hash of what the limit counts apart" }),
    authenticator: z.string(),
    principal: z
      .string()
      .openapi({ description: "Who came with the key when it was blocked, cut at 96 bytes; empty: nobody was named" }),
    address: z.string(),
    state: z.enum(["blocked", "released", "over"]),
    sinceMs: z.number(),
    untilMs: z.number(),
    level: z.int().openapi({ description: "The block is 2^level times as long as the first, within the limit's most" }),
    refusals: z.number().openapi({ description: "That led to the block, and that were reported since" }),
    knocks: z.number().openapi({ description: "Requests that came while it was blocked" }),
    clearedBy: z.string().nullable(),
    clearedMs: z.number().nullable(),
  })
  .openapi("Penalty");

export const regionCountersSchema = z
  .object({
    region: z.string(),
    refusalsUnlisted: z.number().openapi({ description: "Refusals that no isolate had room to tell of" }),
    keysForgotten: z.number().openapi({ description: "Keys whose refusals gave way to those of others" }),
    blocksUnkept: z.number().openapi({ description: "Blocks that were due, and for which there was no room" }),
  })
  .openapi("PenaltyCounters", { description: "Since the region's object was last started" });

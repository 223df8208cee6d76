import { createRoute, z } from "@hono/zod-openapi";
import type { EventRow } from "../db/event-row.ts";
import { selectEvents } from "../db/events.ts";
import { operatorSecurity, requireOperator } from "./guards.ts";
import { problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";

/** Field → what it may be; one field too many or too few is a type error. */
const fields = {
  id: z.string(),
  timeMs: z.number(),
  region: z.string(),
  verdict: z.enum(["allow", "refuse", "shadow"]),
  reason: z.string(),
  service: z.string(),
  method: z.string(),
  operation: z.string(),
  path: z.string(),
  status: z.number().nullable(),
  latencyMs: z.number().nullable(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  principal: z.string(),
  kind: z.enum(["", "user", "service", "device", "agent", "partner"]),
  authenticator: z.string(),
  limit: z.string(),
  address: z.string(),
  country: z.string(),
  asn: z.number(),
  colo: z.string(),
  stratum: z.number(),
  priority: z.number(),
  weight: z.number(),
  threshold: z.number(),
  standsFor: z.number(),
} satisfies Record<keyof EventRow, z.ZodType>;

const eventSchema = z
  .object(fields)
  .openapi("Event", { description: "One sampled request; it stands for `standsFor` requests of its stratum" });

const route = createRoute({
  method: "get",
  path: "/_picket/api/v1/events",
  summary: "Stored samples, newest first",
  security: operatorSecurity,
  middleware: [requireOperator] as const,
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(500).default(100),
      before: z
        .string()
        .regex(/^\d{1,15}-[0-9a-f]{16}$/)
        .optional()
        .openapi({ description: "`next` of the page before" }),
      from: z.coerce.number().int().min(0).default(0).openapi({ description: "Unix time in ms, inclusive" }),
      to: z.coerce.number().int().min(0).default(Number.MAX_SAFE_INTEGER).openapi({ description: "… exclusive" }),
      region: z.string().max(64).default(""),
      verdict: z.enum(["", "allow", "refuse", "shadow"]).default(""),
    }),
  },
  responses: {
    200: {
      description: "A page; `next` is null on the last",
      content: { "application/json": { schema: z.object({ events: z.array(eventSchema), next: z.string().nullable() }) } },
    },
    400: problemAnswer("request_invalid"),
    401: problemAnswer("session_missing, admin_token_invalid"),
  },
});

export const events = createRouter().openapi(route, async (c) => {
  const { limit, before, from, to, region, verdict } = c.req.valid("query");
  const start = before === undefined ? { timeMs: to, id: "" } : readCursor(before);
  const filter = { before: start, fromMs: from, region, verdict, limit };
  const { results } = await selectEvents(c.env.DB.withSession("first-unconstrained"), filter).all<EventRow>();
  const last = results.length === limit ? results.at(-1) : undefined;
  return c.json({ events: results, next: last ? `${last.timeMs}-${last.id}` : null }, 200);
});

function readCursor(text: string): { timeMs: number; id: string } {
  const [timeMs = "0", id = ""] = text.split("-");
  return { timeMs: Number(timeMs), id };
}

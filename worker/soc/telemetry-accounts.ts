import { z } from "@hono/zod-openapi";

export const accountsSchema = z
  .object({ reported: z.number(), stored: z.number(), dropped: z.number(), pending: z.number() })
  .openapi("TelemetryAccounts", { description: "Requests since the database began; reported = stored + dropped + pending" });

export type TelemetryAccounts = z.infer<typeof accountsSchema>;

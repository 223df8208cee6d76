import { createRoute, z } from "@hono/zod-openapi";
import { requireSameOrigin, requireSession } from "./guards.ts";
import { problem, problemAnswer } from "./problem.ts";
import { createRouter } from "./router.ts";
import type { SocContext } from "./soc-env.ts";

const query = z.object({ region: z.string().min(1).max(64) });

const route = createRoute({
  method: "get",
  path: "/_picket/api/v1/live",
  summary: "What a region sees, as it sees it: a WebSocket that says hello, then ticks at most once a second",
  security: [{ session: [] }],
  request: { query },
  responses: {
    101: { description: "JSON messages { type: hello | tick, … }" },
    401: problemAnswer("session_missing"),
    403: problemAnswer("origin_mismatch"),
    404: problemAnswer("region_unknown"),
    426: problemAnswer("websocket_required"),
    503: problemAnswer("region_unavailable"),
  },
});

export const live = createRouter();
live.openAPIRegistry.registerPath(route);
live.get("/_picket/api/v1/live", requireSameOrigin, requireSession, async (c) => {
  const region = c.req.query("region") ?? "";
  if (!c.env.REGIONS.split(",").some((name) => name.trim() === region)) return problem(c, 404, "region_unknown");
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") return problem(c, 426, "websocket_required");
  return connect(c, region);
});

async function connect(c: SocContext, region: string): Promise<Response> {
  try {
    const answer = await c.env.REGION_OBJECTS.getByName(region).fetch(c.req.raw);
    return answer.status === 101 ? answer : problem(c, 503, "region_unavailable");
  } catch (error) {
    console.warn(`soc: region ${region} does not answer (${error instanceof Error ? error.message : "unknown error"})`);
    return problem(c, 503, "region_unavailable");
  }
}

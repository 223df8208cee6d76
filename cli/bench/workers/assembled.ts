// What people assemble for the same purpose: hono, its JWT middleware, a rate limiter in memory, a row in D1 per request.
import type { D1Database } from "@cloudflare/workers-types";
import { Hono } from "hono";
import { jwt } from "hono/jwt";
import { rateLimiter } from "hono-rate-limiter";
import { audience, issuer, secret } from "../fixtures/tokens.ts";
import insertEvent from "./insert-event.sql";

interface Bindings {
  UPSTREAM: string;
  DB: D1Database;
}
type Env = { Bindings: Bindings; Variables: { jwtPayload: { sub: string } } };

/** Built on the first request: its store starts a timer, which Workers refuse at global scope. */
function buildApp(): Hono<Env> {
  const app = new Hono<Env>();
  app.use("/fleet/*", jwt({ secret, alg: "HS256", verification: { iss: issuer, aud: audience } }));
  app.use(
    "/fleet/*",
    rateLimiter<Env>({ windowMs: 1_000, limit: 1_000_000, keyGenerator: (context) => context.get("jwtPayload").sub }),
  );
  app.get("/fleet/devices/:deviceId", async (context) => {
    const { req, env } = context;
    const startMs = Date.now();
    const url = new URL(req.url);
    const response = await fetch(env.UPSTREAM + url.pathname + url.search, req.raw);
    const row = [startMs, context.get("jwtPayload").sub, req.method, req.path, response.status, Date.now() - startMs];
    context.executionCtx.waitUntil(
      env.DB.prepare(insertEvent)
        .bind(...row)
        .run(),
    );
    return response;
  });
  return app;
}

let app: Hono<Env> | null = null;

export default {
  fetch(request: Request, env: Bindings, execution: Parameters<Hono<Env>["fetch"]>[2]): Response | Promise<Response> {
    app ??= buildApp();
    return app.fetch(request, env, execution);
  },
};

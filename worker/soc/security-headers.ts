import type { MiddlewareHandler } from "hono";
import type { SocEnv } from "./soc-env.ts";

/** No inline script, no eval, nothing from elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const headers = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Gives each request its id and one reading of the clock, and each answer the headers that keep it to itself. */
export function securityHeaders(now: () => number): MiddlewareHandler<SocEnv> {
  return async (c, next) => {
    c.set("requestId", hex(crypto.getRandomValues(new Uint8Array(8))));
    c.set("nowMs", now());
    await next();
    // Answers of bindings have immutable headers; the answer to an upgrade carries its socket beside its body.
    const answer = new Response(c.res.body, {
      status: c.res.status,
      headers: c.res.headers,
      ...(c.res.webSocket && { webSocket: c.res.webSocket }),
    });
    for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
    answer.headers.set("X-Request-Id", c.get("requestId"));
    if (!answer.headers.has("Cache-Control")) answer.headers.set("Cache-Control", "no-store");
    c.res = undefined; // else Hono merges the old headers into the new ones
    c.res = answer;
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

import type { CorsMeta } from "../policy/compiled.ts";

/** What a page may read beside the headers that it always may; the last two tell a DPoP client what to do (RFC 9449 §8). */
const exposed = "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, DPoP-Nonce";

/** True for a CORS preflight (Fetch standard §3.2.2): browsers send it without credentials. */
export function isPreflight(request: Request): boolean {
  return (
    request.method === "OPTIONS" &&
    request.headers.get("origin") !== null &&
    request.headers.get("access-control-request-method") !== null
  );
}

/** The answer to a preflight where the policy gives one. An origin that is not allowed gets no CORS header, and no other hint. */
export function answerPreflight(cors: CorsMeta, origin: string, requestId: string): Response {
  const headers = new Headers({ "X-Request-Id": requestId, Vary: "Origin" });
  if (allows(cors, origin)) {
    headers.set("Access-Control-Allow-Origin", origin);
    headers.set("Access-Control-Allow-Methods", cors.methods.join(", "));
    if (cors.headers.length > 0) headers.set("Access-Control-Allow-Headers", cors.headers.join(", "));
    headers.set("Access-Control-Max-Age", String(cors.maxAgeSeconds));
  }
  return new Response(null, { status: 204, headers });
}

/** Lets a browser page read an answer, refusals included. */
export function allowOrigin(headers: Headers, cors: CorsMeta, origin: string | null): void {
  headers.append("Vary", "Origin");
  if (origin === null || !allows(cors, origin)) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", exposed);
}

function allows(cors: CorsMeta, origin: string): boolean {
  return cors.origins.includes("*") || cors.origins.includes(origin);
}

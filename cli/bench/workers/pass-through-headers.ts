/**
 * The bare pass-through with nothing added but the headers that a gateway owes both sides. What Picket costs beyond this is
 * Picket's own: on this platform a header costs more than a limit check.
 */
export default {
  async fetch(request: Request, env: { UPSTREAM: string }): Promise<Response> {
    const path = request.url.slice(request.url.indexOf("/", 8));
    const headers = new Headers(request.headers);
    headers.delete("authorization");
    headers.set("Picket-Principal", "device-000001");
    headers.set("Picket-Scopes", "devices:read");
    headers.set("X-Request-Id", "0123456789abcdef");
    headers.set("X-Forwarded-Host", "127.0.0.1:8787");
    headers.set("X-Forwarded-Proto", "http");
    headers.set("Forwarded", 'for=unknown;host="127.0.0.1:8787";proto=http');
    const { method, body } = request;
    const upstream = await fetch(env.UPSTREAM + path, { method, headers, body, redirect: "manual" });
    const response = new Response(upstream.body, upstream);
    response.headers.set("X-Request-Id", "0123456789abcdef");
    return response;
  },
};

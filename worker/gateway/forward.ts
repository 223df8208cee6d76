import * as abi from "../../wasm/abi.ts";
import type { ServiceMeta } from "../policy/compiled.ts";

export type Forwarded = { ok: true; response: Response } | { ok: false; reason: number };

/** The part of a binding that forwarding needs. */
export interface Fetches {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/**
 * Sends the request on and waits for the upstream's response headers, at most `service.timeoutMs`; bodies stream both ways
 * for as long as they like. Redirects are the client's to follow.
 *
 * @param target path and query, exactly as matched
 * @param binding the service binding for `binding:NAME` upstreams
 */
export async function forward(
  service: ServiceMeta,
  binding: Fetches | null,
  request: Request,
  target: string,
  headers: Headers,
): Promise<Forwarded> {
  const { upstream } = service;
  const init: RequestInit = {
    method: request.method,
    headers,
    // The core lets no body of a GET or HEAD pass; an empty one is still an object, which fetch refuses.
    body: request.method === "GET" || request.method === "HEAD" ? null : request.body,
    redirect: "manual",
  };
  if (upstream.kind === "url") return inTime(fetch(upstream.origin + upstream.basePath + target, init), service.timeoutMs);
  if (binding === null) return { ok: false, reason: abi.REASON_UPSTREAM_UNREACHABLE };
  return inTime(binding.fetch(`http://${upstream.name.toLowerCase()}${target}`, init), service.timeoutMs);
}

/**
 * No AbortSignal: the runtime would wrap the response and its body in it, for every request. An answer that nobody waits for
 * any more is dropped with the request's own context, as soon as the caller has the 504.
 */
function inTime(sent: Promise<Response>, timeoutMs: number): Promise<Forwarded> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs, { ok: false, reason: abi.REASON_UPSTREAM_TIMEOUT });
    const settle = (forwarded: Forwarded) => {
      clearTimeout(timer);
      resolve(forwarded);
    };
    sent.then(
      (response) => settle({ ok: true, response }),
      () => settle({ ok: false, reason: abi.REASON_UPSTREAM_UNREACHABLE }),
    );
  });
}

/** The upstream's answer, unchanged but for our header; a WebSocket is handed over as it is. */
export function relay(upstream: Response, requestId: string): Response {
  const response =
    upstream.webSocket === null
      ? new Response(upstream.body, upstream)
      : new Response(null, { status: 101, webSocket: upstream.webSocket, headers: upstream.headers });
  response.headers.set("X-Request-Id", requestId);
  return response;
}

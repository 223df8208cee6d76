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
  const url =
    upstream.kind === "url" ? upstream.origin + upstream.basePath + target : `http://${upstream.name.toLowerCase()}${target}`;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), service.timeoutMs);
  const init: RequestInit = {
    method: request.method,
    headers,
    // The core lets no body of a GET or HEAD pass; an empty one is still an object, which fetch refuses.
    body: request.method === "GET" || request.method === "HEAD" ? null : request.body,
    redirect: "manual",
    signal: timeout.signal,
  };
  try {
    if (upstream.kind === "url") return { ok: true, response: await fetch(url, init) };
    if (binding === null) return { ok: false, reason: abi.REASON_UPSTREAM_UNREACHABLE };
    return { ok: true, response: await binding.fetch(url, init) };
  } catch {
    return { ok: false, reason: timeout.signal.aborted ? abi.REASON_UPSTREAM_TIMEOUT : abi.REASON_UPSTREAM_UNREACHABLE };
  } finally {
    clearTimeout(timer);
  }
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

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { echoWebSocket } from "./websocket-echo.ts";

const BLOCK = Buffer.alloc(64 * 1024, "0123456789abcdef");
const TEXT = "The quick brown fox jumps over the lazy dog.";
const ETAG = '"fox-1"';

/** An API behind the gateway that tells what reached it. */
export interface Upstream {
  origin: string;
  /** Requests that arrived. */
  requests(): number;
  /** Requests that are waiting for an answer that never comes (…/silence). */
  waiting(): number;
  close(): Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  let requests = 0;
  let waiting = 0;
  const server = createServer((request, response) => {
    requests += 1;
    if (request.url?.endsWith("/silence")) {
      waiting += 1;
      response.once("close", () => {
        waiting -= 1;
      });
      return;
    }
    answer(request, response).catch(() => response.destroy());
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    requests += 1;
    echoWebSocket(request, socket);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, requests: () => requests, waiting: () => waiting, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://upstream");
  const last = url.pathname.split("/").at(-1);
  if (last === "upload") return takeUpload(request, response);
  if (last === "download") return sendBytes(response, Number(url.searchParams.get("bytes")));
  if (last === "events") return sendEvents(response);
  if (last === "text") return sendText(request, response);
  request.resume();
  const status = Number(url.searchParams.get("status") ?? 200);
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(
    request.method === "HEAD"
      ? undefined
      : JSON.stringify({ method: request.method, url: request.url, headers: request.headers }),
  );
}

/** Says how many bytes came and what their hash is. */
async function takeUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
  }
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ bytes, sha256: hash.digest("hex") }));
}

/** Never holds more than a block: what the reader does not take waits here, not in memory. */
async function sendBytes(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": bytes });
  for (let left = bytes; left > 0; left -= BLOCK.length) {
    if (!response.write(BLOCK.subarray(0, Math.min(left, BLOCK.length))))
      await new Promise((resolve) => response.once("drain", resolve));
  }
  response.end();
}

/** Three events, each only after the one before has been flushed for a while. */
function sendEvents(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    response.write(`data: ${sent}\n\n`);
    if (sent < 3) return;
    clearInterval(timer);
    response.end();
  }, 150);
  response.once("close", () => clearInterval(timer));
}

function sendText(request: IncomingMessage, response: ServerResponse): void {
  const headers = { "Content-Type": "text/plain", ETag: ETAG, "Accept-Ranges": "bytes" };
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (request.headers["if-none-match"] === ETAG) {
    response.writeHead(304, headers);
    response.end();
  } else if (range === null) {
    response.writeHead(200, { ...headers, "Content-Length": TEXT.length });
    response.end(request.method === "HEAD" ? undefined : TEXT);
  } else {
    const part = TEXT.slice(Number(range[1]), Number(range[2]) + 1);
    response.writeHead(206, {
      ...headers,
      "Content-Range": `bytes ${range[1]}-${range[2]}/${TEXT.length}`,
      "Content-Length": part.length,
    });
    response.end(part);
  }
}

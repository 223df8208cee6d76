import type { ServerResponse } from "node:http";
import { type Call, sendJson } from "./call.ts";

const MAX_STREAMS = 100;
const EVENT_INTERVAL_MS = 500;

let streams = 0;

/**
 * Commands for one device: as server-sent events (WHATWG HTML §9.2) where the caller accepts them, else as one JSON page.
 * Streams beyond the bound are told to come back.
 */
export function streamCommands({ request, response, id }: Call): void {
  if (request.headers.accept !== "text/event-stream") {
    sendJson(response, 200, { device: id, commands: [] });
  } else if (streams >= MAX_STREAMS) {
    response.writeHead(503, { "Retry-After": "5" });
    response.end();
  } else {
    openStream(response, id);
  }
}

function openStream(response: ServerResponse, device: string): void {
  streams += 1;
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let number = 0;
  const send = () => {
    number += 1;
    // A reader that has stopped reading gets nothing more: what waits for it stays within one socket buffer.
    if (!response.writableNeedDrain)
      response.write(`id: ${number}\nevent: command\ndata: {"device":"${device}","command":"ping"}\n\n`);
  };
  send();
  const timer = setInterval(send, EVENT_INTERVAL_MS);
  response.once("close", () => {
    clearInterval(timer);
    streams -= 1;
  });
}

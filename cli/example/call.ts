import type { IncomingMessage, ServerResponse } from "node:http";
import type { Random } from "../random.ts";

/** One request to the example API. */
export interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  /** What the `{…}` of the template matched. */
  id: string;
  random: Random;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Random, seededRandom } from "../random.ts";
import { type Call, sendJson } from "./call.ts";
import { streamCommands } from "./commands.ts";
import { sendFirmware } from "./firmware.ts";

/** The API that a start without a policy protects: a small fleet of devices, its firmware, and the orders that feed it. */
export interface ExampleApi {
  port: number;
  close(): Promise<void>;
}

interface Handler {
  method: string;
  pattern: RegExp;
  handle(call: Call): void | Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;
const DEVICES = 10_000;

const handlers: Handler[] = [
  { method: "GET", pattern: /^\/status$/, handle: ({ response }) => sendJson(response, 200, { status: "ok" }) },
  { method: "GET", pattern: /^\/fleet\/devices$/, handle: listDevices },
  { method: "GET", pattern: /^\/fleet\/devices\/([^/]+)$/, handle: readDevice },
  { method: "POST", pattern: /^\/fleet\/devices\/([^/]+)\/telemetry$/, handle: takeTelemetry },
  { method: "GET", pattern: /^\/fleet\/devices\/([^/]+)\/commands$/, handle: streamCommands },
  // Left over from development, known to no inventory: what shadow APIs look like.
  {
    method: "GET",
    pattern: /^\/fleet\/devices\/([^/]+)\/debug$/,
    handle: ({ response, id }) => sendJson(response, 200, { id, uptime: 1 }),
  },
  { method: "GET", pattern: /^\/fleet\/firmware\/([^/]+)$/, handle: sendFirmware },
  {
    method: "GET",
    pattern: /^\/orders$/,
    handle: ({ response, random }) => sendJson(response, 200, { orders: orderPage(random) }),
  },
  { method: "GET", pattern: /^\/orders\/([^/]+)$/, handle: ({ response, id }) => sendJson(response, 200, order(id)) },
  // Another that no inventory lists.
  {
    method: "GET",
    pattern: /^\/orders\/([^/]+)\/invoice$/,
    handle: ({ response, id }) => sendJson(response, 200, { order: id, net: 1 }),
  },
  { method: "POST", pattern: /^\/orders$/, handle: takeOrder },
];

/** Serves on loopback. @param port 0 = a free one */
export async function startExampleApi(port: number, seed: number): Promise<ExampleApi> {
  const random = seededRandom(seed);
  const server = createServer((request, response) => {
    // A caller that goes away in the middle of its body is no error of ours.
    setTimeout(() => route(request, response, random).catch(() => response.destroy()), latencyMs(random));
  });
  server.maxConnections = 512;
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, close };
}

/** Log-normal around 4 ms, as service times tend to be; the slow tail is cut at 80 ms. */
function latencyMs(random: Random): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return Math.min(80, 4 * Math.exp(0.6 * normal));
}

async function route(request: IncomingMessage, response: ServerResponse, random: Random): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const method = request.method === "HEAD" ? "GET" : request.method;
  for (const handler of handlers) {
    const match = handler.pattern.exec(path);
    if (match === null || handler.method !== method) continue;
    return await handler.handle({ request, response, id: match[1] ?? "", random });
  }
  sendJson(response, 404, { error: "not found" });
}

function known(id: string): boolean {
  const number = /^dev-(\d{4})$/.exec(id)?.[1];
  return number !== undefined && Number(number) < DEVICES;
}

function device(id: string) {
  return { id, model: "TH-4", firmware: "4.2.0", site: `site-${Number(id.slice(4)) % 12}` };
}

function listDevices({ response, random }: Call): void {
  const first = random.below(DEVICES - 20);
  const ids = Array.from({ length: 20 }, (_, i) => `dev-${String(first + i).padStart(4, "0")}`);
  sendJson(response, 200, { devices: ids.map(device) });
}

function readDevice({ response, id }: Call): void {
  if (known(id)) sendJson(response, 200, device(id));
  else sendJson(response, 404, { error: "no such device" });
}

async function takeTelemetry({ request, response, id }: Call): Promise<void> {
  const body = await readJson(request);
  if (!known(id)) sendJson(response, 404, { error: "no such device" });
  else if (body === null) sendJson(response, 400, { error: "a JSON object is needed" });
  else sendJson(response, 202, { accepted: Object.keys(body).length });
}

async function takeOrder({ request, response, random }: Call): Promise<void> {
  const body = await readJson(request);
  if (body === null) sendJson(response, 400, { error: "a JSON object is needed" });
  else sendJson(response, 201, order(String(100_000 + random.below(900_000))));
}

function order(id: string) {
  return { id, state: "confirmed", items: [{ sku: "TH-4", quantity: 10 }] };
}

function orderPage(random: Random) {
  return Array.from({ length: 10 }, () => order(String(100_000 + random.below(900_000))));
}

/** The body as an object; null where it is too long or something else. */
async function readJson(request: IncomingMessage): Promise<Record<string, unknown> | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk as Buffer);
  }
  if (bytes > MAX_BODY_BYTES) return null;
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

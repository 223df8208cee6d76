import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { API_KEY } from "./policy.ts";
import { residentBytes } from "./processes.ts";
import { servePolicy } from "./served-policy.ts";

const LARGE_BYTES = 100 * 1024 * 1024;
/** Far less than the body: it was streamed, not kept. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024;
const headers = { "X-Api-Key": API_KEY };

const served = servePolicy();

/** Most memory that workerd occupied while `work` ran, beyond what it did before. */
async function growth(work: () => Promise<void>): Promise<number> {
  const { workerd } = served.picket;
  const before = residentBytes(workerd);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(workerd));
  }, 20);
  await work().finally(() => clearInterval(timer));
  return most - before;
}

function largeBody(hash: ReturnType<typeof createHash>): ReadableStream<Uint8Array> {
  const block = new Uint8Array(64 * 1024).map((_, index) => index % 251);
  let left = LARGE_BYTES;
  return new ReadableStream({
    pull(controller) {
      const part = block.subarray(0, Math.min(left, block.length));
      left -= part.length;
      hash.update(part);
      controller.enqueue(part.slice());
      if (left === 0) controller.close();
    },
  });
}

it("uploads 100 MB without keeping them", async () => {
  await (await fetch(`${served.picket.home}/things/1`, { headers })).text();
  const hash = createHash("sha256");
  let received: unknown;
  const grown = await growth(async () => {
    const init = { method: "POST", headers, body: largeBody(hash), duplex: "half" } as RequestInit;
    received = await (await fetch(`${served.picket.home}/things/1/upload`, init)).json();
  });
  expect(received).toEqual({ bytes: LARGE_BYTES, sha256: hash.digest("hex") });
  expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
});

it("downloads 100 MB without keeping them", async () => {
  let bytes = 0;
  const grown = await growth(async () => {
    const response = await fetch(`${served.picket.home}/things/1/download?bytes=${LARGE_BYTES}`, { headers });
    if (response.body === null) throw new Error("no body");
    for await (const chunk of response.body) bytes += chunk.length;
  });
  expect(bytes).toBe(LARGE_BYTES);
  expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
});

it("passes server-sent events as they are sent", async () => {
  const response = await fetch(`${served.picket.home}/things/1/events`, { headers });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  if (response.body === null) throw new Error("no body");
  const arrivals: { text: string; atMs: number }[] = [];
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream()))
    arrivals.push({ text: chunk, atMs: performance.now() });
  expect(arrivals.map((arrival) => arrival.text).join("")).toBe("data: 1\n\ndata: 2\n\ndata: 3\n\n");
  // Sent 150 ms apart: a gateway that waits for the end would hand them over at once.
  expect((arrivals.at(-1)?.atMs ?? 0) - (arrivals[0]?.atMs ?? 0)).toBeGreaterThan(200);
});

/** Node's WebSocket takes headers as a browser's does not. */
function open(path: string, init: { headers?: Record<string, string> }): WebSocket {
  const Client = WebSocket as unknown as new (url: string, init: object) => WebSocket;
  return new Client(served.picket.home.replace("http:", "ws:") + path, init);
}

it("echoes through a WebSocket, and closes it at both ends", async () => {
  const socket = open("/things/1/socket", { headers });
  const received: unknown[] = [];
  const closed = new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => socket.send("first"));
    socket.addEventListener("message", ({ data }) => {
      received.push(data);
      if (received.length === 1) socket.send("second");
      else socket.close(1000);
    });
    socket.addEventListener("close", () => resolve());
    socket.addEventListener("error", () => reject(new Error("the WebSocket failed")));
  });
  await closed;
  expect(received).toEqual(["first", "second"]);
});

it("opens no WebSocket without a credential", async () => {
  const before = served.upstream.requests();
  const socket = open("/things/1/socket", {});
  const outcome = await new Promise((resolve) => {
    socket.addEventListener("open", () => resolve("open"));
    socket.addEventListener("error", () => resolve("refused"));
  });
  expect(outcome).toBe("refused");
  expect(served.upstream.requests()).toBe(before);
});

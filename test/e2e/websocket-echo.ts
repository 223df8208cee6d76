import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** RFC 6455 §1.3. */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Accepts a WebSocket and sends back every short frame as it came (RFC 6455 §5), close frames included. */
export function echoWebSocket(request: IncomingMessage, socket: Socket): void {
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}${ACCEPT_GUID}`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let buffered = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (let frame = takeFrame(buffered); frame !== null; frame = takeFrame(buffered)) {
      buffered = buffered.subarray(frame.size);
      socket.write(Buffer.concat([Buffer.from([frame.first, frame.payload.length]), frame.payload]));
      if ((frame.first & 0x0f) === 0x8) socket.end();
    }
  });
  socket.on("error", () => socket.destroy());
}

/** One masked frame of at most 125 bytes; null while it is not whole. */
function takeFrame(bytes: Buffer): { first: number; payload: Buffer; size: number } | null {
  const length = (bytes[1] ?? 0) & 0x7f;
  const size = 6 + length;
  if (bytes.length < size) return null;
  if (length > 125) throw new Error("the echo takes short frames only");
  const payload = Buffer.from(bytes.subarray(6, size));
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (bytes[2 + (i % 4)] ?? 0);
  return { first: bytes[0] ?? 0, payload, size };
}

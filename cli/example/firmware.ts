import { createHash } from "node:crypto";
import type { Call } from "./call.ts";

const IMAGE_BYTES = 256 * 1024;

interface Firmware {
  bytes: Buffer;
  etag: string;
}

const images = new Map<string, Firmware>(
  ["4.1.0", "4.2.0"].map((version) => {
    const bytes = Buffer.alloc(IMAGE_BYTES, `firmware ${version} `);
    return [version, { bytes, etag: `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"` }];
  }),
);

/** A firmware image, with validators and single ranges (RFC 9110 §13, §14), because devices resume downloads. */
export function sendFirmware({ request, response, id }: Call): void {
  const image = images.get(id);
  if (image === undefined) {
    response.writeHead(404);
    response.end();
    return;
  }
  const headers = { ETag: image.etag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=60" };
  if (request.headers["if-none-match"] === image.etag) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  const range = /^bytes=(\d{1,9})-(\d{0,9})$/.exec(request.headers.range ?? "");
  const first = Number(range?.[1] ?? 0);
  const last = Math.min(IMAGE_BYTES - 1, range?.[2] ? Number(range[2]) : IMAGE_BYTES - 1);
  if (first > last) {
    response.writeHead(416, { ...headers, "Content-Range": `bytes */${IMAGE_BYTES}` });
    response.end();
    return;
  }
  const type = { "Content-Type": "application/octet-stream", "Content-Length": last - first + 1 };
  const partial = range === null ? {} : { "Content-Range": `bytes ${first}-${last}/${IMAGE_BYTES}` };
  response.writeHead(range === null ? 200 : 206, { ...headers, ...type, ...partial });
  if (request.method === "HEAD") response.end();
  else response.end(image.bytes.subarray(first, last + 1));
}

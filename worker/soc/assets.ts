import type { SocContext } from "./soc-env.ts";

/** Names with a content hash never change what they mean (vite's default form). */
const HASHED = /\/assets\/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;
const HAS_EXTENSION = /\.[a-z0-9]+$/i;

/** The console's files. An address without a file's extension is a page of the console, which routes itself. */
export async function serveAsset(c: SocContext): Promise<Response | null> {
  const url = new URL(c.req.url);
  if (!HAS_EXTENSION.test(url.pathname)) url.pathname = "/_picket/";
  url.search = "";
  const answer = await c.env.ASSETS.fetch(new Request(url, { headers: c.req.raw.headers, method: c.req.method }));
  if (answer.status === 404) return null;
  const copy = new Response(answer.body, answer);
  copy.headers.set("Cache-Control", HASHED.test(url.pathname) ? "public, max-age=31536000, immutable" : "no-cache");
  return copy;
}

import type { Read } from "./quantity.ts";

/** RFC 9110 §5.6.2. */
export const headerNamePattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$";

/** Headers with a meaning of their own on the way to the upstream, or that the gateway sets itself. */
const owned = new Set([
  "authorization",
  "dpop",
  "host",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "content-type",
  "content-encoding",
  "expect",
  "date",
  "cookie",
  "origin",
  "referer",
  "user-agent",
  "accept",
  "accept-encoding",
  "range",
  "via",
  "forwarded",
  "x-request-id",
  "x-real-ip",
  "x-picket-cost",
]);
const ownedPrefixes = ["picket-", "picket_", "x-forwarded-", "cf-", "sec-", "access-control-"];

/** The header that carries an API key, in lower case. Errors: header_malformed, header_reserved. */
export function readHeaderName(text: string): Read<string> {
  const expected = "a header name such as X-Api-Key";
  if (!new RegExp(headerNamePattern).test(text)) {
    return { ok: false, code: "header_malformed", expected, message: "this is not a header name" };
  }
  const name = text.toLowerCase();
  if (!owned.has(name) && !ownedPrefixes.some((prefix) => name.startsWith(prefix))) return { ok: true, value: name };
  return { ok: false, code: "header_reserved", expected, message: "this header has a meaning of its own: take another" };
}

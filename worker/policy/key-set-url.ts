import type { Read } from "./quantity.ts";

const expected = "an https:// URL (http:// only for 127.0.0.1, [::1] and localhost), without credentials or fragment";

/**
 * Where an issuer publishes its keys (RFC 7517 §5). Errors: jwks_malformed, jwks_insecure.
 */
export function readKeySetUrl(text: string): Read<string> {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" || /[#@\s]/.test(text)) {
    return { ok: false, code: "jwks_malformed", expected, message: "this is no place to fetch keys from" };
  }
  if (url.protocol === "https:" || isLoopback(url.hostname)) return { ok: true, value: url.href };
  const message = "whoever stands between could put in keys of their own: keys are fetched over https only";
  return { ok: false, code: "jwks_insecure", expected, message };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

import type { Read } from "./quantity.ts";

export type Upstream = { kind: "url"; origin: string; basePath: string } | { kind: "binding"; name: string };

const expected = "an http:// or https:// URL without query, fragment or credentials, or binding:NAME";

/**
 * Where a service's requests go: `https://api.example/base` or `binding:FLEET`, a service binding of the Worker.
 *
 * Errors: upstream_malformed, upstream_credentials, upstream_query.
 */
export function readUpstream(text: string): Read<Upstream> {
  const binding = /^binding:([A-Za-z_][A-Za-z0-9_]{0,63})$/.exec(text);
  if (binding?.[1] !== undefined) return { ok: true, value: { kind: "binding", name: binding[1] } };
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text)) return refuse("upstream_malformed", "this is not an upstream");
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/]*@/i.test(text)) {
    return refuse("upstream_credentials", "an upstream's URL carries no credentials");
  }
  if (/[?#]/.test(text)) return refuse("upstream_query", "an upstream's URL has no query and no fragment");
  if (/[%;\\]|\/\/|\/\.{1,2}(\/|$)/.test(text.replace(/^https?:\/\//i, ""))) {
    return refuse("upstream_malformed", 'an upstream\'s path holds no "%", ";", "\\", "//" or dot segments');
  }
  return { ok: true, value: { kind: "url", origin: url.origin, basePath: url.pathname.replace(/\/$/, "") } };
}

/** One origin of a CORS policy, or "*". Errors: origin_malformed. */
export function readOrigin(text: string): Read<string> {
  const url = URL.parse(text);
  if (text === "*" || (url !== null && /^https?:$/.test(url.protocol) && url.origin === text)) return { ok: true, value: text };
  const wanted = 'an origin such as https://app.example, as browsers send it (lower case, no path), or "*"';
  return { ok: false, code: "origin_malformed", expected: wanted, message: "this is not an origin" };
}

function refuse(code: string, message: string): { ok: false; code: string; expected: string; message: string } {
  return { ok: false, code, expected, message };
}

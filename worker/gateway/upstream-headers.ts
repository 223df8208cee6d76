/**
 * Hop-by-hop headers (RFC 9110 §7.6.1) that the runtime does not already take off. Upgrade is handled apart.
 */
const hopByHop = ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"];

/**
 * What a caller must not be able to say for itself. The forms with "_" are here because CGI-style upstreams (WSGI, PHP)
 * read "Picket_Principal" and "Picket-Principal" as one variable.
 */
const identity = ["picket-principal", "picket_principal", "picket-scopes", "picket_scopes", "x-forwarded-port", "x-real-ip"];

export interface Hop {
  /** Client address as Cloudflare saw it, null = unknown. */
  address: string | null;
  /** Host that the client asked for. */
  host: string;
  proto: string;
  requestId: string;
  principal: string;
  scopes: string;
  /** Lower-case header names to take off, because Picket has judged what they carry. */
  credentials: readonly string[];
}

/** The headers for the upstream, built once: the caller's, less what concerns this hop or forges ours, plus who calls. */
export function upstreamHeaders(from: Headers, hop: Hop): Headers {
  const headers = new Headers(from);
  const connection = headers.get("connection");
  if (connection !== null) removeListed(headers, connection);
  for (const name of hopByHop) headers.delete(name);
  for (const name of identity) headers.delete(name);
  for (const name of hop.credentials) headers.delete(name);
  if (hop.principal !== "") headers.set("Picket-Principal", headerText(hop.principal));
  if (hop.scopes !== "") headers.set("Picket-Scopes", headerText(hop.scopes));
  headers.set("X-Request-Id", hop.requestId);
  headers.set("X-Forwarded-Host", hop.host);
  headers.set("X-Forwarded-Proto", hop.proto);
  headers.set("Forwarded", forwarded(hop));
  if (hop.address === null) headers.delete("x-forwarded-for");
  else headers.set("X-Forwarded-For", hop.address);
  return headers;
}

/** Names in Connection are hop-by-hop too, but a client must not use it to remove what we rely on: we set ours later. */
function removeListed(headers: Headers, connection: string): void {
  for (const name of connection.split(",")) {
    const token = name.trim().toLowerCase();
    if (token !== "" && token !== "upgrade" && /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(token)) headers.delete(token);
  }
}

/** RFC 7239 §4–6: an IPv6 address is quoted and bracketed; the Host is quoted because of its port. */
function forwarded({ address, host, proto }: Hop): string {
  const node = address === null ? "unknown" : address.includes(":") ? `"[${address}]"` : address;
  return `for=${node};host="${host.replace(/["\\]/g, "")}";proto=${proto}`;
}

/** Header values are Latin-1 on the wire: what lies beyond is percent-encoded as UTF-8, and "%" so that it stays reversible. */
function headerText(value: string): string {
  return /^[\x20-\x24\x26-\x7e]*$/.test(value) ? value : value.replace(/[^\x20-\x24\x26-\x7e]+/gu, encodeURIComponent);
}

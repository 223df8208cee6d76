import type { RequestRecord } from "../engine/request-record.ts";

/**
 * The client's address. Cloudflare overwrites this header with what it saw; whatever else stands there (a local test, a
 * gateway that is reached around Cloudflare) must at least look like an address, because it goes into Forwarded.
 */
export function clientAddress(headers: Headers): string | null {
  const address = headers.get("cf-connecting-ip");
  return address !== null && /^[0-9a-fA-F:.]{2,45}$/.test(address) ? address : null;
}

/** Country, network, data centre and client certificate from request.cf; without one (not on Cloudflare) only the country header. */
export function writeNetwork(record: RequestRecord, request: Request): void {
  const cf = request.cf as IncomingRequestCfProperties | undefined;
  record.certificate(certificateOf(cf?.tlsClientAuth));
  if (cf?.country === undefined) record.network(0, request.headers.get("cf-ipcountry") ?? "", "");
  else record.network(cf.asn ?? 0, cf.country ?? "", cf.colo ?? "");
}

/** SHA-256, in hex, of the certificate that the client has shown; null where Cloudflare did not find it good (RFC 8705 §3). */
function certificateOf(auth: IncomingRequestCfProperties["tlsClientAuth"] | undefined): string | null {
  if (auth?.certPresented !== "1" || auth.certVerified !== "SUCCESS" || auth.certRevoked === "1") return null;
  return auth.certFingerprintSHA256;
}

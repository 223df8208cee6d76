import * as abi from "../../wasm/abi.ts";

export interface OverlayRevocation {
  kind: RevocationKind;
  authenticator: string;
  /** Token id, principal, key id or device; "" for an issuer. */
  subject: string;
  /** What was issued before is revoked; Infinity = whenever it was issued. */
  beforeMs: number;
  /** Infinity = never. */
  expiresMs: number;
}

export interface OverlayGrant {
  authenticator: string;
  principal: string;
  scopes: readonly string[];
  fromMs: number;
  untilMs: number;
}

export interface OverlayExemption {
  /** "" where the subject is a network. */
  authenticator: string;
  /** The principal, or NETWORK_SIZE bytes of a network. */
  subject: string | Uint8Array;
  /** Hash of the one limit's name that is meant, as the image has it; null = every limit. */
  limit: bigint | null;
  untilMs: number;
}

export type RevocationKind = "token" | "principal" | "credential" | "issuer" | "quarantine";

const kindCodes: Readonly<Record<RevocationKind, number>> = {
  token: abi.REVOKED_TOKEN,
  principal: abi.REVOKED_PRINCIPAL,
  credential: abi.REVOKED_CREDENTIAL,
  issuer: abi.REVOKED_ISSUER,
  quarantine: abi.QUARANTINED,
};

const utf8 = new TextEncoder();

/** Revocations, grants and exemptions as the core's overlay_load reads them (layout in wasm/abi.ts). Too many or too long, the core refuses. */
export function overlayBytes(
  revocations: readonly OverlayRevocation[],
  grants: readonly OverlayGrant[],
  exemptions: readonly OverlayExemption[] = [],
): Uint8Array {
  const entries = [
    ...revocations.map((one) => entry(kindCodes[one.kind], one.authenticator, one.subject, "", one.beforeMs, one.expiresMs)),
    ...grants.map((one) => entry(abi.GRANT, one.authenticator, one.principal, one.scopes.join(" "), one.fromMs, one.untilMs)),
    ...exemptions.map((one) => entry(abi.EXEMPTION, one.authenticator, one.subject, limitBytes(one.limit), 0, one.untilMs)),
  ];
  const bytes = new Uint8Array(entries.reduce((sum, one) => sum + one.length, abi.OVERLAY_HEADER));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, abi.OVERLAY_MAGIC, true);
  view.setUint32(abi.OVERLAY_REVOCATIONS, revocations.length, true);
  view.setUint32(abi.OVERLAY_GRANT_COUNT, grants.length, true);
  view.setUint32(abi.OVERLAY_EXEMPTION_COUNT, exemptions.length, true);
  let at = abi.OVERLAY_HEADER;
  for (const one of entries) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

function limitBytes(limit: bigint | null): Uint8Array {
  const bytes = new Uint8Array(limit === null ? 0 : 8);
  if (limit !== null) new DataView(bytes.buffer).setBigUint64(0, limit, true);
  return bytes;
}

function entry(
  kind: number,
  authenticator: string,
  subject: string | Uint8Array,
  scopes: string | Uint8Array,
  fromMs: number,
  untilMs: number,
): Uint8Array {
  const texts = [authenticator, subject, scopes].map((text) => (typeof text === "string" ? utf8.encode(text) : text));
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  const bytes = new Uint8Array(abi.ENTRY_TEXT + Math.ceil(length / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(abi.ENTRY_KIND, kind, true);
  view.setFloat64(abi.ENTRY_FROM_MS, fromMs, true);
  view.setFloat64(abi.ENTRY_UNTIL_MS, untilMs, true);
  let at = abi.ENTRY_TEXT;
  for (const [index, text] of texts.entries()) {
    view.setUint32(abi.ENTRY_AUTHENTICATOR_LENGTH + 4 * index, text.length, true);
    bytes.set(text, at);
    at += text.length;
  }
  return bytes;
}

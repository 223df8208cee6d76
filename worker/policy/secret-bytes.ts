import type { Read } from "./quantity.ts";
import { secretWeakness } from "./secret-strength.ts";

export type SecretEncoding = "utf8" | "base64url" | "hex";

/**
 * The bytes of an HMAC secret. Bytes that are read as such (a file) go through the encoding too, unless it is utf8.
 *
 * @param least bytes that it must have: those of the longest hash that it serves (RFC 7518 §3.2)
 *
 * Errors: secret_malformed, secret_too_short, secret_weak. None says anything about what the secret is.
 */
export function hmacKeyBytes(secret: Uint8Array | string, encoding: SecretEncoding, least = 32): Read<Uint8Array> {
  const bytes = decode(secret, encoding);
  const malformed = `a secret written as ${encoding}`;
  if (bytes === null) return { ok: false, code: "secret_malformed", expected: malformed, message: "this secret cannot be read" };
  if (bytes.length < least) {
    const expected = `a secret of at least ${least} bytes (RFC 7518 §3.2)`;
    return { ok: false, code: "secret_too_short", expected, message: "this secret is too short" };
  }
  const weakness = secretWeakness(bytes);
  if (weakness === null) return { ok: true, value: bytes };
  return {
    ok: false,
    code: "secret_weak",
    expected: "random bytes (openssl rand -hex 32)",
    message: `this secret is weak: ${weakness}`,
  };
}

function decode(secret: Uint8Array | string, encoding: SecretEncoding): Uint8Array | null {
  if (encoding === "utf8") return typeof secret === "string" ? encodeText(secret) : secret;
  const text = typeof secret === "string" ? secret : new TextDecoder().decode(secret);
  return encoding === "hex" ? decodeHex(text) : decodeBase64url(text);
}

/** U+FFFD stands where bytes were no UTF-8: such a key would be another, and weaker, than the one that was meant. */
function encodeText(text: string): Uint8Array | null {
  return text.includes("\ufffd") ? null : new TextEncoder().encode(text);
}

function decodeHex(text: string): Uint8Array | null {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** RFC 4648 §5, with or without padding. */
function decodeBase64url(text: string): Uint8Array | null {
  const bare = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9_-]*$/.test(bare) || bare.length % 4 === 1) return null;
  return Uint8Array.from(atob(bare.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
}

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Bytes kept of each SHA-256: among 1,700 of them a random secret is taken for a known one once in 6 × 10⁸. */
export const PREFIX_BYTES = 5;
/** Shorter secrets are refused for their length (secret-bytes.ts), so the table need not hold them. */
export const MIN_BYTES = 32;

export const prefixFile = new URL("prefixes.bin", import.meta.url);

let loaded: Buffer | undefined;

/** Is this secret, as text or as the bytes that it encodes, among those that are published and tried first by whoever cracks tokens? */
export function isKnownSecret(secret: Uint8Array): boolean {
  loaded ??= readFileSync(prefixFile);
  const wanted = digestPrefix(secret);
  let low = 0;
  let high = loaded.length / PREFIX_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = loaded.compare(wanted, 0, PREFIX_BYTES, middle * PREFIX_BYTES, (middle + 1) * PREFIX_BYTES);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

export function digestPrefix(secret: Uint8Array): Buffer {
  return createHash("sha256").update(secret).digest().subarray(0, PREFIX_BYTES);
}

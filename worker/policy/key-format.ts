const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH = 32; // 190 bits
const CHECKSUM_LENGTH = 6;

/** Which deployment a key is for. */
export const environmentPattern = "^[a-z0-9]{1,16}$";
const shape = /^(pk_[a-z0-9]{1,16}_[0-9A-Za-z]{32})_([0-9A-Za-z]{6})$/;
const anywhere = /pk_[a-z0-9]{1,16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}(?![0-9A-Za-z])/g;

/**
 * A new API key, `pk_<env>_<random>_<checksum>`.
 *
 * @param env which deployment it is for, as `environmentPattern`
 * @param randomBytes that many bytes from a source fit for secrets
 */
export function makeKey(env: string, randomBytes: (length: number) => Uint8Array): string {
  const body = `pk_${env}_${randomText(randomBytes)}`;
  return `${body}_${checksum(body)}`;
}

/** Has the text the shape of our keys, and their checksum? */
export function isWellFormedKey(text: string): boolean {
  const [, body, sum] = shape.exec(text) ?? [];
  return body !== undefined && sum === checksum(body);
}

/** Does one of our keys stand somewhere in the text? Most texts have no "pk_", and cost one search. */
export function holdsKey(text: string): boolean {
  return text.includes("pk_") && (text.match(anywhere) ?? []).some(isWellFormedKey);
}

/** CRC-32 in base 62, six digits, as wasm/core/key-checksum.ts reads it. */
function checksum(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    text = alphabet.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/** Each character equally likely: of 256 values of a byte, the 8 beyond a multiple of 62 are drawn again. */
function randomText(randomBytes: (length: number) => Uint8Array): string {
  let text = "";
  while (text.length < RANDOM_LENGTH) {
    for (const byte of randomBytes(RANDOM_LENGTH)) if (byte < 248) text += alphabet.charAt(byte % 62);
  }
  return text.slice(0, RANDOM_LENGTH);
}

/** ISO 3309, bit by bit: a key is short, and seldom made. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

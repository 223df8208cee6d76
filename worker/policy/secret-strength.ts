/** Far below any random secret of 32 bytes (150 bits and more by this estimate), far above what a repeated word comes to. */
const MIN_BITS = 80;

/**
 * What is wrong with an HMAC secret that is long enough; null = nothing that its bytes show. Shannon's entropy of a text's
 * own bytes is no bound on the guesses that it takes, but what is low by it is guessed: few different characters, a repeated
 * word, a sequence. Words in a sentence pass, and are what the dictionary of the command line is for.
 */
export function secretWeakness(secret: Uint8Array): string | null {
  if (isPublic(secret)) return "it is a public key or certificate, which everybody may have";
  const steps = secret.subarray(1).map((byte, i) => byte - (secret[i] ?? 0));
  const bits = Math.min(entropyBits(secret), entropyBits(steps), entropyBits(onePeriod(secret)));
  return bits < MIN_BITS ? "it repeats itself or follows a pattern" : null;
}

/** PEM (RFC 7468): a verifier that is handed an RSA public key for an HMAC secret is the oldest attack on JWTs (RFC 8725 §2.1). */
function isPublic(secret: Uint8Array): boolean {
  const head = new TextDecoder().decode(secret.subarray(0, 64)).trimStart();
  return /^-----BEGIN (RSA PUBLIC KEY|PUBLIC KEY|CERTIFICATE|X509 CERTIFICATE)-----/.test(head);
}

/** The shortest beginning whose repetition gives the whole, where it is repeated at least once; else the whole. */
function onePeriod(bytes: Uint8Array): Uint8Array {
  for (let period = 1; period * 2 <= bytes.length; period++) {
    if (bytes.every((byte, i) => i < period || byte === bytes[i - period])) return bytes.subarray(0, period);
  }
  return bytes;
}

function entropyBits(bytes: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  return counts.reduce((bits, count) => (count === 0 ? bits : bits + count * Math.log2(bytes.length / count)), 0);
}

import type { CompiledPolicy, PolicyMeta, VerificationSecret } from "./compiled.ts";

/** A compiled policy at rest: the image encrypted, the meta in the clear but bound to it. */
export interface SealedPolicy {
  version: number;
  /** JSON of PolicyMeta. */
  meta: string;
  /** Format byte, 12 bytes IV, then AES-256-GCM ciphertext of the image's length (u32), the image and the secrets' JSON, and tag. */
  image: Uint8Array;
}

const FORMAT = 2;
const IV_BYTES = 12;
const utf8 = new TextEncoder();

/**
 * Encrypts a policy's image with AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA-256 (RFC 5869) draws from
 * PICKET_KEY. The additional data bind version and meta, so that neither can be exchanged under an image.
 *
 * @param keyBase64 PICKET_KEY: 32 bytes in base64; anything else throws, since nothing can be stored without it
 * @param iv 12 bytes, an argument for tests only: it must never repeat under one key
 */
export async function sealImage(
  keyBase64: string,
  compiled: CompiledPolicy,
  iv: Uint8Array<ArrayBuffer> = crypto.getRandomValues(new Uint8Array(IV_BYTES)),
): Promise<SealedPolicy> {
  const meta = JSON.stringify(compiled.meta);
  const key = await imageKey(keyBase64);
  const additionalData = await boundData(compiled.version, meta);
  const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, plaintextOf(compiled));
  const image = new Uint8Array(1 + IV_BYTES + ciphertext.byteLength);
  image[0] = FORMAT;
  image.set(iv, 1);
  image.set(new Uint8Array(ciphertext), 1 + IV_BYTES);
  return { version: compiled.version, meta, image };
}

/** The policy that was sealed; null when the key is another or any byte was changed. */
export async function openImage(keyBase64: string, sealed: SealedPolicy): Promise<CompiledPolicy | null> {
  if (keyBytes(keyBase64) === null || sealed.image.length < 1 + IV_BYTES || sealed.image[0] !== FORMAT) return null;
  const iv = sealed.image.slice(1, 1 + IV_BYTES);
  const ciphertext = sealed.image.slice(1 + IV_BYTES);
  try {
    const key = await imageKey(keyBase64);
    const additionalData = await boundData(sealed.version, sealed.meta);
    const plaintext = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, ciphertext);
    const meta = JSON.parse(sealed.meta) as PolicyMeta; // authenticated: it is what sealImage wrote
    return { version: sealed.version, ...partsOf(new Uint8Array(plaintext)), meta };
  } catch {
    return null; // WebCrypto reports a wrong tag by throwing
  }
}

function plaintextOf({ image, secrets }: CompiledPolicy): Uint8Array<ArrayBuffer> {
  const json = utf8.encode(JSON.stringify(secrets));
  const plaintext = new Uint8Array(4 + image.length + json.length);
  new DataView(plaintext.buffer).setUint32(0, image.length, true);
  plaintext.set(image, 4);
  plaintext.set(json, 4 + image.length);
  return plaintext;
}

function partsOf(plaintext: Uint8Array): Pick<CompiledPolicy, "image" | "secrets"> {
  const end = 4 + new DataView(plaintext.buffer).getUint32(0, true);
  const secrets = JSON.parse(new TextDecoder().decode(plaintext.subarray(end))) as VerificationSecret[]; // as the meta
  return { image: plaintext.slice(4, end), secrets };
}

/** 16 bytes: the SipHash key of limits, the same in every isolate and region of the deployment. */
export async function limitSeed(keyBase64: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.deriveBits(derivation("picket limit seed 1"), await masterKey(keyBase64), 128));
}

async function imageKey(keyBase64: string): Promise<CryptoKey> {
  const usages: ("encrypt" | "decrypt")[] = ["encrypt", "decrypt"];
  return crypto.subtle.deriveKey(
    derivation("picket policy image 1"),
    await masterKey(keyBase64),
    { name: "AES-GCM", length: 256 },
    false,
    usages,
  );
}

/** HKDF with an info string of its own for each use. No salt: PICKET_KEY is uniform already (RFC 5869 §3.1). */
function derivation(info: string) {
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8.encode(info) };
}

async function masterKey(keyBase64: string): Promise<CryptoKey> {
  const bytes = keyBytes(keyBase64);
  if (bytes === null) throw new Error("PICKET_KEY must be 32 bytes in base64: make one with `openssl rand -base64 32`");
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits", "deriveKey"]);
}

function keyBytes(keyBase64: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(keyBase64)) return null;
  return Uint8Array.from(atob(keyBase64), (c) => c.charCodeAt(0));
}

/** "picket policy image", version as u64, SHA-256 of the meta. */
async function boundData(version: number, meta: string): Promise<Uint8Array<ArrayBuffer>> {
  const label = utf8.encode("picket policy image");
  const data = new Uint8Array(label.length + 8 + 32);
  data.set(label);
  new DataView(data.buffer).setBigUint64(label.length, BigInt(version));
  data.set(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(meta))), label.length + 8);
  return data;
}

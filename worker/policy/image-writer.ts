import * as abi from "../../wasm/abi.ts";

const utf8 = new TextEncoder();
/** "none", wherever the image holds an index. */
export const NONE = -1;

const recordSizes: readonly number[] = [
  abi.SERVICE_SIZE,
  abi.NODE_SIZE,
  abi.EDGE_SIZE,
  abi.OPERATION_SIZE,
  abi.LIMIT_SIZE,
  abi.AUTH_SIZE,
  abi.HMAC_KEY_SIZE,
  abi.API_KEY_SIZE,
  8, // strings
  4, // refs
  1, // bytes
];

/**
 * Collects the sections of a policy image and writes them as wasm/abi.ts lays them out. The same calls in the same order
 * give the same bytes.
 */
export class ImageWriter {
  readonly #sections: Uint8Array[][] = recordSizes.map(() => []);
  readonly #strings = new Map<string, number>();
  readonly #spans = new Map<string, { offset: number; length: number }>();
  #byteCount = 0;

  /** A new record of a section, all zero, to be filled in (little-endian). */
  record(section: number): { index: number; view: DataView } {
    const bytes = new Uint8Array(recordSizes[section] ?? 0);
    const index = (this.#sections[section]?.push(bytes) ?? 0) - 1;
    return { index, view: new DataView(bytes.buffer) };
  }

  count(section: number): number {
    return this.#sections[section]?.length ?? 0;
  }

  /** Where bytes, or a text's UTF-8, stand in the bytes section; equal ones stand there once. */
  bytes(content: string | Uint8Array): { offset: number; length: number } {
    const key = spanKey(content);
    const known = this.#spans.get(key);
    if (known !== undefined) return known;
    const encoded = typeof content === "string" ? utf8.encode(content) : content;
    const span = { offset: this.#byteCount, length: encoded.length };
    this.#sections[abi.SECTION_BYTES]?.push(encoded);
    this.#byteCount += encoded.length;
    this.#spans.set(key, span);
    return span;
  }

  /** The index of a text, or of bytes that are none, among the strings; null = none. */
  string(content: string | Uint8Array | null): number {
    if (content === null) return NONE;
    const key = spanKey(content);
    const known = this.#strings.get(key);
    if (known !== undefined) return known;
    const span = this.bytes(content);
    const { index, view } = this.record(abi.SECTION_STRINGS);
    view.setUint32(0, span.offset, true);
    view.setUint32(4, span.length, true);
    this.#strings.set(key, index);
    return index;
  }

  /** A list of indices, as {first, count} into the refs. An empty list takes no room. */
  list(values: readonly number[]): { first: number; count: number } {
    if (values.length === 0) return { first: 0, count: 0 };
    const first = this.count(abi.SECTION_REFS);
    for (const value of values) this.record(abi.SECTION_REFS).view.setInt32(0, value, true);
    return { first, count: values.length };
  }

  /** Bytes of the image that `finish` would write. */
  size(): number {
    return this.#layout().length;
  }

  /**
   * @param seed 16 bytes, the deployment's SipHash key for limits
   */
  finish(policyVersion: number, seed: Uint8Array): Uint8Array {
    const { offsets, length } = this.#layout();
    const image = new Uint8Array(length);
    const view = new DataView(image.buffer);
    for (const [section, records] of this.#sections.entries()) {
      const offset = offsets[section] ?? 0;
      view.setUint32(abi.HEADER_SECTIONS + section * 8, offset, true);
      view.setUint32(abi.HEADER_SECTIONS + section * 8 + 4, this.#recordCount(section), true);
      copyRecords(image, offset, records);
    }
    view.setUint32(abi.HEADER_MAGIC, abi.IMAGE_MAGIC, true);
    view.setUint32(abi.HEADER_ABI, abi.ABI_VERSION, true);
    view.setUint32(abi.HEADER_POLICY, policyVersion, true);
    view.setUint32(abi.HEADER_LENGTH, length, true);
    image.set(seed.subarray(0, 16), abi.HEADER_SEED);
    view.setUint32(abi.HEADER_CHECKSUM, imageChecksum(image), true);
    return image;
  }

  #recordCount(section: number): number {
    return section === abi.SECTION_BYTES ? this.#byteCount : this.count(section);
  }

  #layout(): { offsets: number[]; length: number } {
    const offsets: number[] = [];
    let end: number = abi.IMAGE_HEADER;
    for (const [section, size] of recordSizes.entries()) {
      offsets.push(end);
      end = align8(end + this.#recordCount(section) * size);
    }
    return { offsets, length: end };
  }
}

/** FNV-1a, 32 bits, over everything behind the header and then over the section directory. */
export function imageChecksum(image: Uint8Array): number {
  const body = fnv1a32(0x811c9dc5, image.subarray(abi.IMAGE_HEADER));
  return fnv1a32(body, image.subarray(abi.HEADER_SECTIONS, abi.HEADER_SECTIONS + abi.SECTIONS * 8));
}

function fnv1a32(start: number, bytes: Uint8Array): number {
  let hash = start;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function copyRecords(image: Uint8Array, start: number, records: readonly Uint8Array[]): void {
  let offset = start;
  for (const record of records) {
    image.set(record, offset);
    offset += record.length;
  }
}

/** Bytes and texts apart: "t" and "b" stand for which they are. */
function spanKey(content: string | Uint8Array): string {
  return typeof content === "string" ? `t${content}` : `b${content.join()}`;
}

const align8 = (offset: number) => (offset + 7) & ~7;

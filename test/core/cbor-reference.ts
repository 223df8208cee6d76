/** A CBOR item (RFC 8949 §3), read without any care for how it was encoded. */
export type Item =
  | { type: "integer"; value: bigint }
  | { type: "bytes"; value: Uint8Array }
  | { type: "text"; value: Uint8Array }
  | { type: "array"; items: Item[] }
  | { type: "map"; members: [Item, Item][] }
  | { type: "tag"; tag: bigint; item: Item }
  | { type: "simple"; value: number }
  | { type: "float"; value: number };

/** Is this one item in the core deterministic encoding (§4.2.1)? By its definition: encoding what it says gives it again. */
export function isDeterministic(bytes: Uint8Array): boolean {
  const reader = new Reader(bytes);
  try {
    const item = reader.item();
    return reader.at === bytes.length && isWithinBounds(item, 0) && Buffer.from(encodeItem(item)).equals(bytes);
  } catch {
    return false;
  }
}

/** What the core does not take, whatever its encoding. */
function isWithinBounds(item: Item, depth: number): boolean {
  if (item.type === "text") return isUtf8(item.value);
  if (item.type === "simple") return item.value >= 20 && item.value <= 23;
  if (item.type === "tag") return depth < 8 && isWithinBounds(item.item, depth + 1);
  if (item.type === "array") return depth < 8 && item.items.every((one) => isWithinBounds(one, depth + 1));
  if (item.type !== "map") return true;
  const keys = item.members.map(([key]) => Buffer.from(encodeItem(key)).toString("hex"));
  const isSet = new Set(keys).size === keys.length;
  const areKeys = item.members.every(([key]) => key.type === "integer" || key.type === "text");
  return depth < 8 && isSet && areKeys && item.members.flat().every((one) => isWithinBounds(one, depth + 1));
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

class Reader {
  at = 0;
  readonly #view: DataView;
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  item(): Item {
    const initial = this.#view.getUint8(this.at++);
    const major = initial >> 5;
    const info = initial & 31;
    if (info > 27) throw new Error("indefinite or reserved");
    if (major === 7 && info > 24) return { type: "float", value: this.#float(info) };
    const argument = this.#argument(info);
    if (major === 0) return { type: "integer", value: argument };
    if (major === 1) return { type: "integer", value: -1n - argument };
    if (major === 2) return { type: "bytes", value: this.#take(argument) };
    if (major === 3) return { type: "text", value: this.#take(argument) };
    if (major === 4) return { type: "array", items: this.#several(argument, () => this.item()) };
    if (major === 5) return { type: "map", members: this.#several(argument, () => [this.item(), this.item()]) };
    return major === 6 ? { type: "tag", tag: argument, item: this.item() } : { type: "simple", value: Number(argument) };
  }

  #several<T>(count: bigint, read: () => T): T[] {
    if (count > BigInt(this.bytes.length)) throw new Error("too many");
    return Array.from({ length: Number(count) }, read);
  }

  #take(length: bigint): Uint8Array {
    if (length > BigInt(this.bytes.length - this.at)) throw new Error("too long");
    this.at += Number(length);
    return this.bytes.subarray(this.at - Number(length), this.at);
  }

  #argument(info: number): bigint {
    if (info < 24) return BigInt(info);
    let value = 0n;
    for (const byte of this.#take(1n << BigInt(info - 24))) value = (value << 8n) | BigInt(byte);
    return value;
  }

  #float(info: number): number {
    const size = 1 << (info - 24);
    this.at += size;
    const at = this.at - size;
    if (size === 8) return this.#view.getFloat64(at);
    return size === 4 ? this.#view.getFloat32(at) : halfOf(this.#view.getUint16(at));
  }
}

/** Appendix D. */
function halfOf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const special = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  const value = exponent === 31 ? special : exponent === 0 ? fraction * 2 ** -24 : (fraction + 1024) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -value : value;
}

/** By trying all of them: every half there is, by its value. */
const halves = new Map<string, number>();
for (let bits = 0xffff; bits >= 0; bits--) if (!Number.isNaN(halfOf(bits))) halves.set(exact(halfOf(bits)), bits);

function exact(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

export function encodeItem(item: Item): number[] {
  switch (item.type) {
    case "integer":
      return item.value < 0n ? head(1, -1n - item.value) : head(0, item.value);
    case "bytes":
      return [...head(2, BigInt(item.value.length)), ...item.value];
    case "text":
      return [...head(3, BigInt(item.value.length)), ...item.value];
    case "array":
      return [...head(4, BigInt(item.items.length)), ...item.items.flatMap(encodeItem)];
    case "map":
      return [...head(5, BigInt(item.members.length)), ...sorted(item.members).flat()];
    case "tag":
      return [...head(6, item.tag), ...encodeItem(item.item)];
    case "simple":
      return head(7, BigInt(item.value));
    default:
      return encodeFloat(item.value);
  }
}

function sorted(members: [Item, Item][]): number[][] {
  const encoded = members.map(([key, value]) => [Buffer.from(encodeItem(key)), encodeItem(value)] as const);
  encoded.sort(([a], [b]) => Buffer.compare(a, b));
  return encoded.map(([key, value]) => [...key, ...value]);
}

function head(major: number, argument: bigint): number[] {
  if (argument < 24n) return [(major << 5) | Number(argument)];
  const size = [1, 2, 4, 8].find((bytes) => argument < 1n << BigInt(8 * bytes)) ?? 8;
  const hex = argument.toString(16).padStart(2 * size, "0");
  return [(major << 5) | (24 + Math.log2(size)), ...Buffer.from(hex, "hex")];
}

function encodeFloat(value: number): number[] {
  if (Number.isNaN(value)) return [0xf9, 0x7e, 0];
  const half = halves.get(exact(value));
  if (half !== undefined) return [0xf9, half >> 8, half & 255];
  const bytes = Buffer.alloc(8);
  if (Math.fround(value) === value) {
    bytes.writeFloatBE(value);
    return [0xfa, ...bytes.subarray(0, 4)];
  }
  bytes.writeDoubleBE(value);
  return [0xfb, ...bytes];
}

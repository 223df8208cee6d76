import { NETWORK_SIZE } from "../../wasm/abi.ts";
import type { Read } from "./quantity.ts";

/** A network as the core compares it: 16 bytes of an address, IPv4 as IPv4-mapped (RFC 4291 §2.5.5.2), and its prefix in bits. */
export interface Network {
  /** As it was written. */
  text: string;
  bytes: Uint8Array;
}

/**
 * `203.0.113.0/24`, `2001:db8::/32`, or one address. Errors: network_malformed; network_has_host_bits: the address says more
 * than the prefix takes in, so one of the two is a mistake.
 */
export function readNetwork(text: string): Read<Network> {
  const [, address = "", prefixText] = /^([0-9a-fA-F.:]{2,45})(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const isV4 = !address.includes(":");
  const words = isV4 ? wordsV4(address) : wordsV6(address);
  const width = isV4 ? 32 : 128;
  const prefix = prefixText === undefined ? width : Number(prefixText);
  if (words === null || prefix > width) {
    const expected = "an address or a network such as 203.0.113.0/24 or 2001:db8::/32";
    return { ok: false, code: "network_malformed", expected, message: "this is not a network" };
  }
  const bits = prefix + 128 - width;
  const bytes = new Uint8Array(NETWORK_SIZE);
  for (const [i, word] of words.entries()) bytes.set([word >> 8, word & 0xff], 2 * i);
  bytes[16] = bits;
  if (!isClear(bytes, bits)) {
    const message = "bits of the address lie behind the prefix";
    return { ok: false, code: "network_has_host_bits", expected: "the network's first address", message };
  }
  return { ok: true, value: { text, bytes } };
}

/** The networks one behind the other, as the core reads them. */
export function networkBytes(networks: readonly Network[]): Uint8Array {
  const bytes = new Uint8Array(networks.length * NETWORK_SIZE);
  for (const [i, network] of networks.entries()) bytes.set(network.bytes, i * NETWORK_SIZE);
  return bytes;
}

/** Eight 16-bit words of an IPv4-mapped address; null = it is none. No leading zeros, which some read as octal. */
function wordsV4(text: string): number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return null;
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
  return [0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d];
}

/** RFC 4291 §2.2, with an IPv4 address as its end or without. */
function wordsV6(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail = []] = halves.map((half, i) => groups(half, i === halves.length - 1));
  if (!head || tail === null) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 1 ? gap !== 0 : gap < 1) return null;
  return [...head, ...Array<number>(gap).fill(0), ...tail];
}

function groups(text: string, isLast: boolean): number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const v4 = isLast && parts.at(-1)?.includes(".") ? wordsV4(parts.pop() ?? "") : undefined;
  if (v4 === null || !parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return null;
  return [...parts.map((part) => Number.parseInt(part, 16)), ...(v4?.slice(6) ?? [])];
}

function isClear(bytes: Uint8Array, prefix: number): boolean {
  for (let bit = prefix; bit < 128; bit++) if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) return false;
  return true;
}

import { NETWORK_SIZE } from "../../wasm/abi.ts";
import { readNetwork } from "./network.ts";
import type { Read } from "./quantity.ts";

const MAPPED_BITS = 96;
/** The shortest prefixes: shorter ones are no callers but a share of everybody. */
const LEAST_V4 = 8;
const LEAST_V6 = 16;

export interface ExemptNetwork {
  /** The one way to write it: RFC 5952, IPv4 dotted, with its prefix but where it is one address. */
  text: string;
  /** NETWORK_SIZE bytes as the core compares them. */
  hex: string;
}

/** A network whose callers may be exempt from limits. Errors: those of readNetwork; network_too_wide. */
export function readExemptNetwork(text: string): Read<ExemptNetwork> {
  const read = readNetwork(text);
  if (!read.ok) return read;
  const { bytes } = read.value;
  const bits = bytes[NETWORK_SIZE - 1] ?? 0;
  // Judged by the bytes: ::ffff:0:0/96 is every IPv4 address as well.
  const isV4 = isMapped(bytes) && bits >= MAPPED_BITS;
  if (bits < (isV4 ? MAPPED_BITS + LEAST_V4 : LEAST_V6)) {
    const expected = `a prefix of at least /${LEAST_V4} for IPv4, /${LEAST_V6} for IPv6`;
    return { ok: false, code: "network_too_wide", expected, message: "this network would exempt everybody" };
  }
  return { ok: true, value: { text: canonical(bytes, isV4, bits), hex: Array.from(bytes, hexOf).join("") } };
}

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

function canonical(bytes: Uint8Array, isV4: boolean, bits: number): string {
  const address = isV4 ? bytes.subarray(12, 16).join(".") : textV6(bytes);
  if (bits === 128) return address;
  return `${address}/${isV4 ? bits - MAPPED_BITS : bits}`;
}

/** The URL Standard serializes an IPv6 host as RFC 5952 §4 has it. */
function textV6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  return new URL(`http://[${words.join(":")}]`).hostname.slice(1, -1);
}

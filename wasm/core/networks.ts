// Networks in CIDR notation (RFC 4632, RFC 4291 §2.3), an API key's allow-list and those that are exempt from limits: each 16 bytes
// of an address and its prefix in bits. IPv4 stands there as IPv4-mapped, its prefix 96 longer.
import * as abi from "../abi";
import { addressBytes, addressParse } from "./address";

/** The halves of the address that was read last, and the shortest prefix that may take it in. */
let low: u64 = 0;
let high: u64 = 0;
let least: u32 = 0;

/** Is it a list that may be read: whole entries, no more than there may be, prefixes that exist? */
export function areNetworks(at: usize, length: u32): bool {
  if (length > <u32>(abi.MAX_NETWORKS * abi.NETWORK_SIZE) || length % abi.NETWORK_SIZE != 0) return false;
  for (const end = at + <usize>length; at < end; at += abi.NETWORK_SIZE) if (load<u8>(at, 16) > 128) return false;
  return true;
}

/** Does the request come from one of the networks? From anywhere where none is listed; where its address is not known, no. */
export function addressAllowed(at: usize, length: i32): bool {
  if (length == 0) return true;
  if (!clientAddressRead()) return false;
  for (const end = at + <usize>length; at < end; at += abi.NETWORK_SIZE) if (isInNetwork(at)) return true;
  return false;
}

/** The request's address, for isInNetwork; false = it is not known. */
export function clientAddressRead(): bool {
  if (!addressParse(abi.ADDRESS, load<i32>(abi.REQUEST_ADDRESS_LENGTH))) return false;
  low = bswap(load<u64>(addressBytes));
  high = bswap(load<u64>(addressBytes, 8));
  // ::/0 is all of IPv6, and no IPv4 address.
  least = low == 0 && high >> 32 == 0xffff ? 96 : 0;
  return true;
}

/** Is the address that was read last in the network at `at`? */
export function isInNetwork(at: usize): bool {
  const prefix = <u32>load<u8>(at, 16);
  if (prefix < least || ((low ^ bswap(load<u64>(at))) & maskOf(prefix)) != 0) return false;
  return prefix <= 64 || ((high ^ bswap(load<u64>(at, 8))) & maskOf(prefix - 64)) == 0;
}

/** The first `bits` of 64, all of them from 64 on. */
@inline
function maskOf(bits: u32): u64 {
  return bits == 0 ? 0 : bits >= 64 ? u64.MAX_VALUE : u64.MAX_VALUE << (64 - bits);
}

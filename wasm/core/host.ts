// The request's host as services are matched on: lower case, without port and without the root's dot.
import * as abi from "../abi";
import { stringAddress, stringLength } from "./image";
import { bytesEqual } from "./text";

/** Bytes of the host at HOST; 0 where it is absent or too long, which only a service for any host matches. */
let hostLength: i32 = 0;

/** Normalizes the host at HOST in place (RFC 9110 §7.2; RFC 1034 §3.1 for the dot). Once a request, before hostMatches. */
export function readHost(): void {
  const length = load<i32>(abi.REQUEST_HOST_LENGTH);
  hostLength = 0;
  if (length <= 0 || length > abi.MAX_HOST) return;
  const host: usize = abi.HOST;
  const literal = load<u8>(host) == 0x5b; // "[": an IPv6 address, with colons inside
  let n: usize = 0;
  for (; n < <usize>length; n++) {
    const c = <u32>load<u8>(host + n);
    if (c == 0x3a && !literal) break;
    if (c - 0x41 < 26) store<u8>(host + n, c | 0x20);
    if (c == 0x5d) {
      n++;
      break;
    }
  }
  if (n > 1 && load<u8>(host + n - 1) == 0x2e) n--;
  hostLength = <i32>n;
}

/** Is the service at this address for any host, or for this one? */
export function hostMatches(service: usize): bool {
  const host = load<i32>(service + abi.SERVICE_HOST);
  if (host < 0) return true;
  return stringLength(host) == hostLength && bytesEqual(stringAddress(host), abi.HOST, hostLength);
}

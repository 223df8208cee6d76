// Does a DPoP proof's htu name the request's URI (RFC 9449 §4.3 check 9)? Without query and fragment, and normalized on both
// sides by case, escapes, default port and empty path (RFC 3986 §6.2.2.1, §6.2.2.2, §6.2.3). Dot segments (§6.2.2.3) are not
// removed: no request that the core lets pass has any.
import * as abi from "../abi";
import { escapedByte, hexDigit, isUnreserved } from "./path";
import { PROOF_TEXT } from "./scratch";
import { bytesEqual } from "./text";

const ROOM: usize = <usize>abi.MAX_ORIGIN + 16;
const REQUESTED: usize = memory.data(288, 16); // the request's origin, normalized
const HTTP: u64 = 0x2f2f3a70747468; // http://

/** Where the URI's path begins, after originWrite. */
let pathStart: usize = 0;

/** Compares with the origin that the host wrote and the path that was matched. */
export function uriIsRequested(address: usize, length: i32): bool {
  const originLength = load<i32>(abi.ORIGIN_LENGTH);
  if (<u32>originLength > <u32>abi.MAX_ORIGIN) return false;
  const requestedEnd = originWrite(abi.ORIGIN, <usize>abi.ORIGIN + originLength, REQUESTED);
  if (requestedEnd == 0) return false;
  const end = address + length;
  const originEnd = originWrite(address, end, PROOF_TEXT);
  const size = <i32>(requestedEnd - REQUESTED);
  if (originEnd == 0 || <i32>(originEnd - PROOF_TEXT) != size || !bytesEqual(PROOF_TEXT, REQUESTED, size)) return false;
  const pathLength = pathWrite(pathStart, end, PROOF_TEXT);
  return pathLength == load<i32>(abi.VERDICT_PATH_LENGTH) && bytesEqual(PROOF_TEXT, abi.PATH, pathLength);
}

/** Scheme, host and port of http and https, in lower case, without a default port; the address behind it, 0 = there are none. */
function originWrite(at: usize, end: usize, out: usize): usize {
  const first = out;
  const limit = out + ROOM - 16;
  while (at < end && out < limit) {
    const c = <u32>load<u8>(at);
    if (c == 0x40) return 0; // no http URI has userinfo (RFC 9110 §4.2.4)
    if ((c == 0x2f && out - first > 7 && load<u8>(out - 1) != 0x2f) || c == 0x3f || c == 0x23) break;
    store<u8>(out++, c - 0x41 < 26 ? c | 0x20 : c);
    at++;
  }
  pathStart = at;
  if (out - first < 8) return 0; // http://a
  const isHttps = (load<u64>(first) & 0xffffffffff) == 0x7370747468 && load<u8>(first, 5) == 0x3a && load<u16>(first, 6) == 0x2f2f;
  if (!isHttps && (load<u64>(first) & 0xffffffffffffff) != HTTP) return 0;
  if (load<u8>(out - 1) == 0x3a) return out - 1; // an empty port
  if (isHttps) return load<u32>(out - 4) == 0x3334343a ? out - 4 : out; // :443
  return load<u16>(out - 2) == 0x3038 && load<u8>(out - 3) == 0x3a ? out - 3 : out; // :80
}

/** The path up to query or fragment: an unreserved character is not escaped, escapes are in capitals. Its length. */
function pathWrite(at: usize, end: usize, out: usize): i32 {
  const first = out;
  while (at < end) {
    const c = <u32>load<u8>(at++);
    if (c == 0x3f || c == 0x23) break;
    const escaped = c == 0x25 && at + 2 <= end ? escapedByte(at) : 256;
    if (escaped > 0xff) {
      store<u8>(out++, c);
      continue;
    }
    at += 2;
    if (isUnreserved(escaped)) store<u8>(out++, escaped);
    else {
      store<u8>(out, 0x25);
      store<u8>(out, hexDigit(escaped >> 4), 1);
      store<u8>(out, hexDigit(escaped & 15), 2);
      out += 3;
    }
  }
  if (out == first) store<u8>(out++, 0x2f); // an empty path is "/"
  return <i32>(out - first);
}

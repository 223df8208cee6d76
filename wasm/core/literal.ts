// Short ASCII texts that stand in the code. A string literal is static data in UTF-16, so nothing is allocated.
import * as abi from "../abi";

/** Are the `length` bytes at `address` this text? */
export function literalIs(text: string, address: usize, length: i32): bool {
  if (text.length != length) return false;
  const units = changetype<usize>(text);
  for (let i: usize = 0; i < <usize>length; i++) if (<u32>load<u16>(units + (i << 1)) != <u32>load<u8>(address + i)) return false;
  return true;
}

/** Writes the text at `out`; returns the address behind it. */
export function literalWrite(text: string, out: usize): usize {
  const units = changetype<usize>(text);
  const length = <usize>text.length;
  for (let i: usize = 0; i < length; i++) store<u8>(out + i, load<u16>(units + (i << 1)));
  return out + length;
}

/** The request's method; "" = one that the core has no name for. */
export function methodName(): string {
  switch (load<i32>(abi.REQUEST_METHOD)) {
    case abi.METHOD_GET: return "GET";
    case abi.METHOD_HEAD: return "HEAD";
    case abi.METHOD_POST: return "POST";
    case abi.METHOD_PUT: return "PUT";
    case abi.METHOD_PATCH: return "PATCH";
    case abi.METHOD_DELETE: return "DELETE";
    case abi.METHOD_OPTIONS: return "OPTIONS";
    default: return "";
  }
}

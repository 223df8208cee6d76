// A token's header (RFC 7515 §4). An issuer writes the same one into all its tokens: the last that was read is kept with
// what it said, and a token that repeats it byte for byte is not decoded again.
import * as abi from "../abi";
import { decodedLength } from "./base64url";
import { memberIsText, memberKeyed, memberLength, memberValue } from "./json-object";
import { HEADER_JSON, HEADER_MEMBERS } from "./scratch";
import { bytesEqual } from "./text";
import { objectRead, partEnd } from "./token-part";

// Names and values as memberKeyed takes names: their bytes, first byte lowest.
const ALG: u64 = 0x676c61;
const KID: u64 = 0x64696b;
const CRIT: u64 = 0x74697263;
const HS256: u64 = 0x3635325348;

const MAX_KEPT: i32 = 256; // characters; a longer header is decoded every time
const KEPT: usize = memory.data(MAX_KEPT + 8, 16); // the header part with its dot
const KEPT_KID: usize = memory.data(MAX_KEPT + 8, 16);

let keptLength: i32 = 0; // 0 = none is kept

/** `1 << ALG_*` of the header that headerEnd read; 0 = an algorithm that the core does not know. */
export let algorithm: u32 = 0;
/** Its key id; length -1 = it names none. */
export let kidAddress: usize = 0;
export let kidLength: i32 = -1;

/** Reads the header at `at`; returns the address of the dot behind it, 0 when it is malformed. */
export function headerEnd(at: usize, end: usize): usize {
  if (keptLength != 0 && at + keptLength <= end && bytesEqual(at, KEPT, keptLength)) return at + keptLength - 1;
  keptLength = 0;
  const dot = partEnd(at, end, HEADER_JSON);
  if (dot == 0 || !objectRead(HEADER_JSON, decodedLength, HEADER_MEMBERS) || !headerRead()) return 0;
  keep(at, <i32>(dot + 1 - at));
  return dot;
}

/** With its dot, so that no longer header can begin with it. The kid is copied: SCRATCH will hold the next token. */
function keep(at: usize, length: i32): void {
  if (length > MAX_KEPT) return;
  memory.copy(KEPT, at, length);
  keptLength = length;
  if (kidLength < 0) return;
  memory.copy(KEPT_KID, kidAddress, kidLength);
  kidAddress = KEPT_KID;
}

/**
 * Reads `alg` and `kid`. Any `crit` is refused: the core knows no extension (RFC 7515 §4.1.11). `jwk`, `jku`, `x5u`, `x5c`
 * and, without `crit`, `b64` mean nothing here.
 */
function headerRead(): bool {
  const alg = memberKeyed(HEADER_MEMBERS, ALG, 3);
  if (alg == 0 || !memberIsText(alg) || memberKeyed(HEADER_MEMBERS, CRIT, 4) != 0) return false;
  const isHs256 = memberLength(alg) == 5 && (load<u64>(memberValue(alg)) & 0xffffffffff) == HS256;
  algorithm = isHs256 ? 1 << abi.ALG_HS256 : 0;
  const kid = memberKeyed(HEADER_MEMBERS, KID, 3);
  kidLength = -1;
  if (kid == 0) return true;
  if (!memberIsText(kid)) return false;
  kidAddress = memberValue(kid);
  kidLength = memberLength(kid);
  return true;
}

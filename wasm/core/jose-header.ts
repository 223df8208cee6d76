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
const TYP: u64 = 0x707974;

/** By ALG_*; all have five characters. */
const NAMES: usize = memory.data<u64>([
  0x3635325348, 0x3438335348, 0x3231355348, // HS256 HS384 HS512
  0x3635325352, 0x3438335352, 0x3231355352, // RS256 …
  0x3635325350, 0x3438335350, 0x3231355350, // PS256 …
  0x3635325345, 0x3438335345, 0x3231355345, // ES256 …
  0x4153446445, // EdDSA
]);

const MAX_KEPT: i32 = 256; // characters; a longer header is decoded every time
const KEPT: usize = memory.data(MAX_KEPT + 8, 16); // the header part with its dot
const KEPT_KID: usize = memory.data(MAX_KEPT + 8, 16);

const MAX_TYP: i32 = 64;
const PREFIX: i32 = 12; // length of "application/"
/** The media type in lower case (RFC 2045 §5.1), without the "application/" that may be left out (RFC 7515 §4.1.9). */
export const typAddress: usize = memory.data(MAX_TYP, 8);
/** -1 = the header has no typ, or one that no policy names. */
export let typLength: i32 = -1;

let keptLength: i32 = 0; // 0 = none is kept

/** `1 << ALG_*` of the header that headerEnd read; 0 = an unknown algorithm. */
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
  algorithm = memberLength(alg) == 5 ? algorithmNamed(load<u64>(memberValue(alg)) & 0xffffffffff) : 0;
  typRead();
  const kid = memberKeyed(HEADER_MEMBERS, KID, 3);
  kidLength = -1;
  if (kid == 0) return true;
  if (!memberIsText(kid)) return false;
  kidAddress = memberValue(kid);
  kidLength = memberLength(kid);
  return true;
}

export function algorithmNamed(name: u64): u32 {
  for (let i = 0; i < abi.ALG_COUNT; i++) if (load<u64>(NAMES + (<usize>i << 3)) == name) return 1 << i;
  return 0;
}

/** Copied whole, because a kept header is not read again. */
function typRead(): void {
  typLength = -1;
  const typ = memberKeyed(HEADER_MEMBERS, TYP, 3);
  if (typ == 0 || !memberIsText(typ)) return;
  let at = memberValue(typ);
  let length = memberLength(typ);
  if (length > PREFIX && (load<u64>(at) | 0x2020202020202020) == 0x746163696c707061 && (load<u32>(at, 8) | 0x202020) == 0x2f6e6f69) {
    at += PREFIX;
    length -= PREFIX;
  }
  if (length > MAX_TYP) return;
  for (let i = 0; i < length; i++) {
    const c = <u32>load<u8>(at + i);
    store<u8>(typAddress + i, c - 0x41 < 26 ? c | 0x20 : c);
  }
  typLength = length;
}

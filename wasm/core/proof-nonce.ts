// Nonces for DPoP proofs (RFC 9449 §8, §9) that nobody has to keep: a period's nonce is a keyed hash of its number under the
// deployment's secret seed, so that all isolates and regions agree. One is taken in its own period and the next, and also
// a period early, because clocks differ and nobody can have it before one of ours hands it out.
import * as abi from "../abi";
import { base64urlDecode, decodedLength } from "./base64url";
import { image } from "./image";
import { hashHigh, hashLow, siphash128 } from "./siphash-128";

const PERIOD_S: f64 = 120;
const LENGTH: i32 = 22; // of 16 bytes in base64url
const words: usize = memory.data(16, 8);
const decoded: usize = memory.data(48, 16);

/** Was the nonce that nonceIsOurs took last the one of the period before? Then it is time to hand out the next. */
export let nonceIsOld: bool = false;

/** Into hashLow and hashHigh. 128 bits, so it is no hash that a limit's key is made of. */
function nonceHash(period: u64): void {
  store<u64>(words, 0x65636e6f6e706f64); // "dopnonce": no other hash under the seed begins so
  store<u64>(words, period, 8);
  siphash128(load<u64>(image + abi.HEADER_SEED), load<u64>(image + abi.HEADER_SEED, 8), words, 16);
}

@inline
function periodAt(nowMs: f64): u64 {
  return <u64>(nowMs / 1000 / PERIOD_S);
}

export function nonceIsOurs(address: usize, length: i32, nowMs: f64): bool {
  if (length != LENGTH || base64urlDecode(address, address + length, decoded) != address + length || decodedLength != 16) return false;
  const period = periodAt(nowMs);
  for (let age: u64 = 0; age < 3; age++) {
    nonceHash(period + 1 - age);
    if (load<u64>(decoded) != hashLow || load<u64>(decoded, 8) != hashHigh) continue;
    nonceIsOld = age == 2;
    return true;
  }
  return false;
}

/** Writes the present nonce to NONCE, for the host to hand out. */
export function nonceWrite(nowMs: f64): void {
  nonceHash(periodAt(nowMs));
  store<u64>(decoded, hashLow);
  store<u64>(decoded, hashHigh, 8);
  store<u64>(decoded, 0, 16);
  for (let i = 0; i < LENGTH; i++) {
    const bit = i * 6;
    const pair = bswap<u16>(load<u16>(decoded + (bit >> 3)));
    store<u8>(<usize>abi.NONCE + i, letter((<u32>pair >> (10 - (bit & 7))) & 63));
  }
  store<i32>(abi.NONCE_LENGTH, LENGTH);
}

/** RFC 4648 §5. */
function letter(value: u32): u32 {
  if (value < 26) return 0x41 + value;
  if (value < 52) return 0x47 + value;
  if (value < 62) return value - 4;
  return value == 62 ? 0x2d : 0x5f;
}

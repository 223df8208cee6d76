// COSE_Mac0 (RFC 9052 §6.2) with HMAC-SHA-256 (RFC 9053 §3.1): [protected, unprotected, payload, tag].
import * as abi from "../abi";
import { BYTES, contentAddress, contentLength, contentRead, stringEnd } from "./cbor";
import { mapClear, mapRead, valueAt } from "./cbor-map";
import { hmacVerify, hmacVerifyShort } from "./hmac";
import { HEADER_MEMBERS } from "./scratch";

const PROTECTED: usize = HEADER_MEMBERS;
const UNPROTECTED: usize = HEADER_MEMBERS + 1024;

// Header parameters (RFC 9052 §3.1) and algorithms (RFC 9053 §3.1), as they are encoded.
const ALG: usize = 1;
const CRIT: usize = 2;
const KID: usize = 4;
const HMAC_256_64: u8 = 4;
const HMAC_256_256: u8 = 5;

const CWT_TAG: u16 = 0x3dd8; // d8 3d: 61
const MAC0_TAG: u8 = 0xd1; // 17
const ARRAY_OF_FOUR: u8 = 0x84;

/** `1 << ALG_*` of the message that mac0Read read; 0 = none that the core knows, or none that is protected. */
export let macAlgorithm: u32 = 0;
/** Its key id; length -1 = it names none. Means nothing after mac0Verify. */
export let macKid: usize = 0;
export let macKidLength: i32 = -1;
export let payload: usize = 0;
export let payloadEnd: usize = 0;

let protectedItem: usize = 0;
let protectedLength: usize = 0;
let payloadItem: usize = 0;
let tag: usize = 0;
let tagLength: i32 = 0;

/**
 * Reads the message that fills [at, end). The CWT tag may stand before the Mac0 tag only (RFC 8392 §6); without either the
 * message is taken for what the authenticator expects (§7.2).
 *
 * @param at at least 6 bytes in front of it are the core's to write
 * @returns false when it is malformed, detached, names an alg, kid twice, or any crit: the core knows no extension
 */
export function mac0Read(at: usize, end: usize): bool {
  if (load<u16>(at) == CWT_TAG && load<u8>(at += 2) != MAC0_TAG) return false;
  if (load<u8>(at) == MAC0_TAG) at++;
  if (load<u8>(at) != ARRAY_OF_FOUR) return false;
  protectedItem = at + 1;
  at = stringEnd(protectedItem, end, BYTES);
  if (at == 0 || !protectedRead(at)) return false;
  protectedLength = at - protectedItem;
  payloadItem = mapRead(at, end, UNPROTECTED);
  if (payloadItem == 0) return false;
  payloadEnd = stringEnd(payloadItem, end, BYTES);
  if (payloadEnd == 0) return false;
  payload = contentAddress;
  if (stringEnd(payloadEnd, end, BYTES) != end) return false;
  tag = contentAddress;
  tagLength = contentLength;
  return parametersRead();
}

/** An empty map is no bytes at all, or an empty map's (RFC 9052 §3). */
@inline
function protectedRead(end: usize): bool {
  if (contentLength != 0) return mapRead(contentAddress, end, PROTECTED) == end;
  mapClear(PROTECTED);
  return true;
}

/** An algorithm that is not protected could be swapped for a weaker one: it counts as none. */
function parametersRead(): bool {
  if (valueAt(PROTECTED, CRIT) != 0 || valueAt(UNPROTECTED, CRIT) != 0) return false;
  const alg = valueAt(PROTECTED, ALG);
  if (alg != 0 && valueAt(UNPROTECTED, ALG) != 0) return false;
  const code: u8 = alg == 0 ? 0 : load<u8>(alg);
  macAlgorithm = code == HMAC_256_256 ? 1 << abi.ALG_HMAC_256_256 : code == HMAC_256_64 ? 1 << abi.ALG_HMAC_256_64 : 0;
  const kid = valueAt(PROTECTED, KID);
  const open = valueAt(UNPROTECTED, KID);
  macKidLength = -1;
  if (kid + open == 0) return true;
  if ((kid != 0 && open != 0) || !contentRead(kid + open, BYTES)) return false;
  macKid = contentAddress;
  macKidLength = contentLength;
  return true;
}

/**
 * Is the tag good? The MAC_structure ["MAC0", protected, external_aad = h'', payload] (RFC 9052 §6.3) is written over what
 * stands in front of the payload, so that nothing but the protected header moves.
 *
 * @param innerState, outerState as hmacVerify takes them
 */
export function mac0Verify(innerState: usize, outerState: usize): bool {
  const at = payloadItem - 1 - protectedLength;
  if (at != protectedItem) memory.copy(at, protectedItem, protectedLength);
  protectedItem = at;
  store<u8>(payloadItem - 1, 0x40); // h''
  store<u16>(at - 6, 0x6484); // an array of four, a text of four
  store<u32>(at - 4, 0x3043414d); // "MAC0"
  const message = at - 6;
  const length = <i32>(payloadEnd - message);
  if (macAlgorithm == 1 << abi.ALG_HMAC_256_256) return tagLength == 32 && hmacVerify(innerState, outerState, message, length, tag);
  return tagLength == 8 && hmacVerifyShort(innerState, outerState, message, length, tag);
}

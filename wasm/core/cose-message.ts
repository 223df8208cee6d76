// COSE_Mac0 (RFC 9052 §6.2) and COSE_Sign1 (§4.2), which are built alike: [protected, unprotected, payload, tag or signature].
import * as abi from "../abi";
import { BYTES, contentAddress, contentLength, contentRead, stringEnd } from "./cbor";
import { mapClear, mapRead, valueAt } from "./cbor-map";
import { HEADER_MEMBERS } from "./scratch";

const PROTECTED: usize = HEADER_MEMBERS;
const UNPROTECTED: usize = HEADER_MEMBERS + 1024;

// Header parameters (RFC 9052 §3.1) and algorithms (RFC 9053 §2.1, §2.2, §3.1; RFC 9864 §2), as they are encoded.
const ALG: usize = 1;
const CRIT: usize = 2;
const KID: usize = 4;
const HMAC_256_64: u8 = 4;
const HMAC_256_256: u8 = 5;
const ES256: u8 = 0x26; // -7
const EDDSA: u8 = 0x27; // -8
const ESP256: u8 = 0x28; // -9: ES256 with P-256, which is the only curve that it has here
const ED25519: u8 = 0x32; // -19: EdDSA with Ed25519, likewise

const CWT_TAG: u16 = 0x3dd8; // d8 3d: 61
const MAC0_TAG: u8 = 0xd1; // 17
const SIGN1_TAG: u8 = 0xd2; // 18
const ARRAY_OF_FOUR: u8 = 0x84;

/** Bits 1 << ALG_* of the algorithms of COSE_Mac0, and of COSE_Sign1. */
export const MAC0_ALGORITHMS: u32 = (1 << abi.ALG_HMAC_256_64) | (1 << abi.ALG_HMAC_256_256);
export const SIGN1_ALGORITHMS: u32 = (1 << abi.ALG_ES256) | (1 << abi.ALG_EDDSA);

/** What stands in front of a message is the core's to write: so much of it. */
export const ROOM_IN_FRONT: usize = 16;

/** `1 << ALG_*` of the message that messageRead read; 0 = none that the core knows, none that is protected, or none for its tag. */
export let messageAlgorithm: u32 = 0;
/** Its key id; length -1 = it names none. Means nothing after structureStart. */
export let messageKid: usize = 0;
export let messageKidLength: i32 = -1;
export let payload: usize = 0;
export let payloadEnd: usize = 0;
/** Its tag or signature. */
export let proof: usize = 0;
export let proofLength: i32 = 0;

let protectedItem: usize = 0;
let protectedLength: usize = 0;
let payloadItem: usize = 0;

/**
 * Reads the message that fills [at, end). The CWT tag may stand before a COSE tag only (RFC 8392 §6); without either the
 * algorithm says which of the two it is (§7.2 leaves that to the application): no algorithm is for both.
 *
 * @param at ROOM_IN_FRONT bytes in front of it are the core's to write
 * @returns false when it is malformed, detached, names an alg, kid twice, or any crit: the core knows no extension
 */
export function messageRead(at: usize, end: usize): bool {
  const isCwt = load<u16>(at) == CWT_TAG;
  if (isCwt) at += 2;
  const tag = load<u8>(at);
  const isTagged = tag == MAC0_TAG || tag == SIGN1_TAG;
  if (isTagged) at++;
  else if (isCwt) return false;
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
  proof = contentAddress;
  proofLength = contentLength;
  if (!parametersRead()) return false;
  if (isTagged) messageAlgorithm &= tag == MAC0_TAG ? MAC0_ALGORITHMS : SIGN1_ALGORITHMS;
  return true;
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
  messageAlgorithm = alg == 0 ? 0 : algorithmOf(load<u8>(alg));
  const kid = valueAt(PROTECTED, KID);
  const open = valueAt(UNPROTECTED, KID);
  messageKidLength = -1;
  if (kid + open == 0) return true;
  if ((kid != 0 && open != 0) || !contentRead(kid + open, BYTES)) return false;
  messageKid = contentAddress;
  messageKidLength = contentLength;
  return true;
}

function algorithmOf(code: u8): u32 {
  switch (code) {
    case HMAC_256_64: return 1 << abi.ALG_HMAC_256_64;
    case HMAC_256_256: return 1 << abi.ALG_HMAC_256_256;
    case ES256:
    case ESP256: return 1 << abi.ALG_ES256;
    case EDDSA:
    case ED25519: return 1 << abi.ALG_EDDSA;
    default: return 0;
  }
}

/**
 * Writes [protected, external_aad = h'', payload], the end of a MAC_structure (RFC 9052 §6.3) and of a Sig_structure (§4.4),
 * over what stands in front of the payload, so that nothing but the protected header moves. It ends at payloadEnd.
 *
 * @returns where it starts; its beginning, an array's head and a text, is the caller's to write in front of it
 */
export function structureStart(): usize {
  const at = payloadItem - 1 - protectedLength;
  if (at != protectedItem) memory.copy(at, protectedItem, protectedLength);
  protectedItem = at;
  store<u8>(payloadItem - 1, 0x40); // h''
  return at;
}

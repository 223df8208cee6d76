// A CBOR Web Token's `cnf` (RFC 8747): a COSE_Key, or its thumbprint (RFC 9679). A key is held as its thumbprint too, so that
// there is one thing to compare.
import { MAX_TOKEN } from "../abi";
import { BYTES, contentAddress, contentLength, contentRead, itemEnd, MAP, majorAt } from "./cbor";
import { mapRead, valueAt, valueOf } from "./cbor-map";
import { BY_COSE_KEY, confirmationSet, keyThumbprint, UNKNOWN } from "./confirmation";
import { CONFIRMATION_KEY, CONFIRMATION_MEMBERS } from "./scratch";
import { sha256 } from "./sha256";

const CNF: usize = 8; // RFC 8747 §3.1
const COSE_KEY: usize = 1;
const CKT: usize = 5;

/** Labels of the parameters that a thumbprint may take in, as they are encoded and sorted: kty, −1, −2, −3 (RFC 9679 §4). */
const LABELS: usize = memory.data<u8>([0x01, 0x20, 0x21, 0x22]);
const SYMMETRIC: u8 = 4; // kty

/** Reads `cnf` of the claims in `table`; false when it is malformed, or names a key twice (RFC 8747 §3.1: it is a single one). */
export function cwtConfirmationRead(table: usize): bool {
  confirmationSet(0);
  const cnf = valueAt(table, CNF);
  if (cnf == 0) return true;
  if (mapRead(cnf, cnf + MAX_TOKEN, CONFIRMATION_MEMBERS) == 0) return false;
  const key = valueAt(CONFIRMATION_MEMBERS, COSE_KEY);
  const thumbprint = valueAt(CONFIRMATION_MEMBERS, CKT);
  confirmationSet(UNKNOWN);
  if (key + thumbprint == 0) return true;
  if (key != 0 && thumbprint != 0) return false;
  confirmationSet(BY_COSE_KEY);
  if (key != 0) return keyRead(key);
  if (!contentRead(thumbprint, BYTES) || contentLength != 32) return false;
  memory.copy(keyThumbprint, contentAddress, 32);
  return true;
}

/** Its thumbprint: the SHA-256 of its parameters that stand in LABELS, encoded as this reader has demanded them. */
function keyRead(at: usize): bool {
  if (majorAt(at) != MAP || mapRead(at, at + MAX_TOKEN, CONFIRMATION_MEMBERS) == 0) return false;
  const type = valueAt(CONFIRMATION_MEMBERS, 1);
  if (type == 0 || load<u8>(type) == SYMMETRIC) return false;
  let out = CONFIRMATION_KEY + 1;
  let count: u8 = 0;
  for (let label = LABELS; label < LABELS + 4; label++) {
    const value = valueOf(CONFIRMATION_MEMBERS, label, 1);
    if (value == 0) continue;
    const length = itemEnd(value, value + MAX_TOKEN, 0) - value;
    store<u8>(out++, load<u8>(label));
    memory.copy(out, value, length);
    out += length;
    count++;
  }
  store<u8>(CONFIRMATION_KEY, 0xa0 + count);
  sha256(CONFIRMATION_KEY, <i32>(out - CONFIRMATION_KEY), keyThumbprint);
  return true;
}

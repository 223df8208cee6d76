// COSE_Sign1 (RFC 9052 §4.4) with ES256 or EdDSA (RFC 9053 §2): the host verifies what is written here.
import * as abi from "../abi";
import { messageAlgorithm, messageKid, messageKidLength, payloadEnd, proof, proofLength, structureStart } from "./cose-message";
import { CLAIMS_JSON } from "./scratch";

const KID: usize = CLAIMS_JSON; // has room for a whole token, and no part of a CWT stands in it

/** Has the signature of the message that messageRead read the length that its algorithm makes (RFC 9053 §2.1, RFC 8032 §5.1.6)? */
export function sign1Fits(): bool {
  return proofLength == 64;
}

/** Says in the verdict record what the host is to verify: the Sig_structure of the message that messageRead read, its signature and key. */
export function sign1Write(slot: i32, authenticator: i32): void {
  if (messageKidLength > 0) memory.copy(KID, messageKid, messageKidLength); // it stands where the Sig_structure is written
  const input = structureStart() - 12;
  store<u16>(input, 0x6a84); // an array of four, a text of ten
  store<u64>(input, 0x727574616e676953, 2); // "Signatur"
  store<u16>(input, 0x3165, 10); // "e1"
  store<i32>(abi.VERIFY_AUTHENTICATOR, authenticator);
  store<i32>(abi.VERIFY_ALGORITHM, ctz(messageAlgorithm));
  store<i32>(abi.VERIFY_SLOT, slot);
  store<u32>(abi.VERIFY_KID, KID);
  store<i32>(abi.VERIFY_KID_LENGTH, messageKidLength);
  store<u32>(abi.VERIFY_INPUT, input);
  store<i32>(abi.VERIFY_INPUT_LENGTH, <i32>(payloadEnd - input));
  store<u32>(abi.VERIFY_SIGNATURE, proof);
  store<i32>(abi.VERIFY_SIGNATURE_LENGTH, proofLength);
}

// COSE_Mac0 (RFC 9052 §6.3) with HMAC-SHA-256 (RFC 9053 §3.1).
import * as abi from "../abi";
import { messageAlgorithm, payloadEnd, proof, proofLength, structureStart } from "./cose-message";
import { hmacVerify, hmacVerifyShort } from "./hmac";

/**
 * Is the tag of the message that messageRead read good?
 *
 * @param innerState, outerState as hmacVerify takes them
 */
export function mac0Verify(innerState: usize, outerState: usize): bool {
  const message = structureStart() - 6;
  store<u16>(message, 0x6484); // an array of four, a text of four
  store<u32>(message, 0x3043414d, 2); // "MAC0"
  const length = <i32>(payloadEnd - message);
  if (messageAlgorithm == 1 << abi.ALG_HMAC_256_256) return proofLength == 32 && hmacVerify(innerState, outerState, message, length, proof);
  return proofLength == 8 && hmacVerifyShort(innerState, outerState, message, length, proof);
}

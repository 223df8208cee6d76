import * as abi from "../../wasm/abi.ts";

/** What VERDICT_VERIFY asks for, copied: other requests write over the record while the signature is verified. */
export interface Verification {
  /** Index in the image in force. */
  authenticator: number;
  /** Credential slot that the token stands in; PROOF_SLOT = it is a DPoP proof's signature. */
  slot: number;
  /** ALG_*, or VERIFY_STORED_KEY: then `input` is the key's SHA-256 and there is no signature. */
  algorithm: number;
  /** null = the token names none. Of a proof: its public key as a JWK. */
  kid: string | null;
  /** JWS signing input (RFC 7515 §5.2). */
  input: Uint8Array<ArrayBuffer>;
  /** Decoded; of a length that fits the algorithm. */
  signature: Uint8Array<ArrayBuffer>;
}

const utf8 = new TextDecoder();

export function readVerification(memory: WebAssembly.Memory): Verification {
  const view = new DataView(memory.buffer);
  const int = (offset: number) => view.getInt32(offset, true);
  const bytes = (offset: number) => new Uint8Array(memory.buffer.slice(int(offset), int(offset) + int(offset + 4)));
  return {
    authenticator: int(abi.VERIFY_AUTHENTICATOR),
    slot: int(abi.VERIFY_SLOT),
    algorithm: int(abi.VERIFY_ALGORITHM),
    kid: int(abi.VERIFY_KID_LENGTH) < 0 ? null : utf8.decode(bytes(abi.VERIFY_KID)),
    input: bytes(abi.VERIFY_INPUT),
    signature: bytes(abi.VERIFY_SIGNATURE),
  };
}

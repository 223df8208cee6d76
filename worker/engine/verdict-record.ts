import * as abi from "../../wasm/abi.ts";

const utf8 = new TextDecoder();

/** Reads what the last decide() wrote. Valid until the next decide(), so never across an await. */
export class VerdictRecord {
  readonly #ints: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: WebAssembly.Memory) {
    this.#ints = new Int32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
  }

  get reason(): number {
    return this.#int(abi.VERDICT_REASON);
  }
  get service(): number {
    return this.#int(abi.VERDICT_SERVICE);
  }
  get operation(): number {
    return this.#int(abi.VERDICT_OPERATION);
  }
  get ticket(): number {
    return this.#int(abi.VERDICT_TICKET);
  }
  /** Index of the limit that refused, else of the one with least left; -1 = none applied. */
  get limit(): number {
    return this.#int(abi.VERDICT_LIMIT);
  }
  get remaining(): number {
    return this.#int(abi.VERDICT_REMAINING);
  }
  get retryMs(): number {
    return this.#int(abi.VERDICT_RETRY_MS);
  }
  get resetMs(): number {
    return this.#int(abi.VERDICT_RESET_MS);
  }
  /** Index of the authenticator that the host verifies for; after VERDICT_VERIFY or REASON_VERIFICATION_LIMITED. */
  get verifyAuthenticator(): number {
    return this.#int(abi.VERIFY_AUTHENTICATOR);
  }
  /** Credential slot, or PROOF_SLOT, whose signature the host is to verify; after VERDICT_VERIFY. */
  get verifySlot(): number {
    return this.#int(abi.VERIFY_SLOT);
  }
  /** The nonce that the caller's next DPoP proof is to hold; "" = it has a good one, or needs none. */
  get nonce(): string {
    const length = this.#int(abi.NONCE_LENGTH);
    return length === 0 ? "" : utf8.decode(this.#bytes.subarray(abi.NONCE, abi.NONCE + length));
  }
  /** What is known of the stored API key that was used should be read anew: the verification record says which. */
  get keyAges(): boolean {
    return this.#int(abi.VERDICT_KEY_AGES) !== 0;
  }
  /** Authenticated caller; "" on public services. */
  get principal(): string {
    return this.#text(abi.VERDICT_PRINCIPAL);
  }
  /** Space-separated. */
  get scopes(): string {
    return this.#text(abi.VERDICT_SCOPES);
  }
  /** Bits: the policy's roles that the caller holds. */
  get roles(): number {
    return this.#int(abi.VERDICT_ROLES);
  }
  get authenticated(): boolean {
    return this.#int(abi.VERDICT_AUTHENTICATOR) >= 0;
  }
  /** The path that was matched, where it differs in its bytes from the one received. */
  get changedPath(): string | null {
    if (this.#int(abi.VERDICT_PATH_CHANGED) === 0) return null;
    return utf8.decode(this.#bytes.subarray(abi.PATH, abi.PATH + this.#int(abi.VERDICT_PATH_LENGTH)));
  }
  /** 16 hex digits: the request's id in the answer, in logs and in its event. */
  get eventId(): string {
    return hex(this.#int(abi.VERDICT_EVENT_HIGH)) + hex(this.#int(abi.VERDICT_EVENT_LOW));
  }

  #int(offset: number): number {
    return this.#ints[offset >> 2] as number;
  }

  #text(offset: number): string {
    const length = this.#int(offset + 4);
    if (length === 0) return "";
    const start = this.#int(offset);
    return utf8.decode(this.#bytes.subarray(start, start + length));
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

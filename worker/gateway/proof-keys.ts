import type { Algorithm } from "../policy/algorithms.ts";
import { readJwk } from "../policy/jwk.ts";
import { importPublicKey } from "../policy/key-import.ts";

/** A client signs all its proofs with one key: so many of them are kept imported, the oldest goes first. */
const MAX_KEPT = 512;

/** Public keys that came with DPoP proofs. Each is one that an access token is bound to: the core asks for no other. */
export class ProofKeys {
  readonly #kept = new Map<string, CryptoKey>();

  /**
   * @param jwk the key's required members (RFC 7638 §3), as the core wrote them
   * @returns null when no signature of the algorithm can be verified with it
   */
  async find(jwk: string, algorithm: Algorithm): Promise<CryptoKey | null> {
    const name = `${algorithm} ${jwk}`;
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    const read = readJwk(JSON.parse(jwk));
    const key = read.ok && read.value.algorithms.includes(algorithm) ? await importPublicKey(read.value.jwk, algorithm) : null;
    if (key !== null) this.#keep(name, key);
    return key;
  }

  #keep(name: string, key: CryptoKey): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(name, key);
  }
}

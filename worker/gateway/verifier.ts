import * as abi from "../../wasm/abi.ts";
import type { Verification } from "../engine/verification-record.ts";
import { type Algorithm, algorithms, isSymmetric } from "../policy/algorithms.ts";
import type { CompiledPolicy, VerificationSecret } from "../policy/compiled.ts";
import type { PublicKey } from "../policy/jwk.ts";
import { importPublicKey, webCryptoName } from "../policy/key-import.ts";
import { chooseKey } from "./choose-key.ts";
import { type KeySetIo, KeySets } from "./key-sets.ts";
import { ProofKeys } from "./proof-keys.ts";

export type PolicyKeys = Pick<CompiledPolicy, "meta" | "secrets">;

/** Verifies signatures that the core does not, with keys of the policy and of issuers' key sets. One an isolate. */
export class Verifier {
  readonly #keySets: KeySets;
  readonly #proofKeys = new ProofKeys();
  /** By key and algorithm. Keys that are no longer held go with what was made of them, so this is as bounded as they are. */
  readonly #imported = new WeakMap<object, Map<Algorithm, CryptoKey>>();
  /** Signatures that went through WebCrypto. */
  verifications = 0;

  constructor(io: KeySetIo) {
    this.#keySets = new KeySets(io);
  }

  /** REASON_NONE when the signature is good; else why it is not, or could not be verified. */
  async verify(asked: Verification, { meta, secrets }: PolicyKeys): Promise<number> {
    const algorithm = algorithms[asked.algorithm];
    if (asked.slot === abi.PROOF_SLOT) return this.#verifyProof(asked);
    const verification = meta.authenticators[asked.authenticator]?.verification;
    if (algorithm === undefined || !verification) return abi.REASON_KEY_UNKNOWN;
    if (isSymmetric(algorithm)) {
      const own = secrets.filter(({ authenticator }) => authenticator === asked.authenticator);
      const candidates = own.map((secret) => ({ kid: secret.kid, algorithms: [algorithm], secret }));
      const secret = chooseKey(candidates, algorithm, asked.kid)?.secret;
      return secret === undefined
        ? abi.REASON_KEY_UNKNOWN
        : this.#judge(asked, algorithm, await this.#secretKey(secret, algorithm));
    }
    if (verification.jwks === null) {
      const key = chooseKey(verification.keys, algorithm, asked.kid);
      return key === null ? abi.REASON_KEY_UNKNOWN : this.#judge(asked, algorithm, await this.#publicKey(key, algorithm));
    }
    const found = await this.#keySets.find(verification.jwks, algorithm, asked.kid);
    if (found.ok) return this.#judge(asked, algorithm, await this.#publicKey(found.key, algorithm));
    return found.code === "key_unknown" ? abi.REASON_KEY_UNKNOWN : abi.REASON_KEYS_UNAVAILABLE;
  }

  async #verifyProof(asked: Verification): Promise<number> {
    const algorithm = algorithms[asked.algorithm];
    if (algorithm === undefined || isSymmetric(algorithm) || asked.kid === null) return abi.REASON_PROOF_INVALID;
    return this.#judge(asked, algorithm, await this.#proofKeys.find(asked.kid, algorithm));
  }

  async #judge({ signature, input }: Verification, algorithm: Algorithm, key: CryptoKey | null): Promise<number> {
    if (key === null) return abi.REASON_KEY_UNKNOWN;
    this.verifications++;
    try {
      const good = await crypto.subtle.verify(webCryptoName(algorithm), key, signature, input);
      return good ? abi.REASON_NONE : abi.REASON_SIGNATURE_INVALID;
    } catch {
      return abi.REASON_SIGNATURE_INVALID; // not a signature at all, to WebCrypto
    }
  }

  async #publicKey(key: PublicKey, algorithm: Algorithm): Promise<CryptoKey | null> {
    return this.#imported.get(key)?.get(algorithm) ?? this.#keep(key, algorithm, await importPublicKey(key.jwk, algorithm));
  }

  async #secretKey(secret: VerificationSecret, algorithm: Algorithm): Promise<CryptoKey | null> {
    const known = this.#imported.get(secret)?.get(algorithm);
    if (known !== undefined) return known;
    const jwk = { kty: "oct", k: secret.key };
    const key = await crypto.subtle.importKey("jwk", jwk, webCryptoName(algorithm), false, ["verify"]);
    return this.#keep(secret, algorithm, key);
  }

  #keep(of: object, algorithm: Algorithm, key: CryptoKey | null): CryptoKey | null {
    if (key === null) return null;
    const kept = this.#imported.get(of) ?? new Map<Algorithm, CryptoKey>();
    kept.set(algorithm, key);
    this.#imported.set(of, kept);
    return key;
  }
}

/** The Worker's own network, clock and log. */
export const workerIo: KeySetIo = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  log: (line) => console.warn(line),
};

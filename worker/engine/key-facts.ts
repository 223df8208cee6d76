import * as abi from "../../wasm/abi.ts";

/** What the core is told of an API key that D1 keeps (layout in wasm/abi.ts). */
export interface KeyFacts {
  /** Index in the image in force. */
  authenticator: number;
  /** SHA-256 of the key, 32 bytes. */
  digest: Uint8Array;
  id: string;
  /** KIND_* */
  kind: number;
  /** Space-separated. */
  scopes: string;
  /** Bits. */
  roles: number;
  /** NETWORK_SIZE bytes each; none = it may be used from anywhere. */
  networks: Uint8Array;
  madeMs: number;
  /** null = never. */
  expiresMs: number | null;
  /** When the reading of all this began. */
  readMs: number;
}

const utf8 = new TextEncoder();

/** Writes the facts to where key_learn reads them. False where they do not fit: then nothing is to be learnt. */
export function writeKeyFacts(memory: WebAssembly.Memory, facts: KeyFacts): boolean {
  const record = new Uint8Array(memory.buffer, abi.SCRATCH, abi.KEY_FACT_SIZE);
  const id = utf8.encode(facts.id);
  const scopes = utf8.encode(facts.scopes);
  if (id.length > abi.KEY_FACT_SCOPES - abi.KEY_FACT_ID || scopes.length > abi.KEY_FACT_SIZE - abi.KEY_FACT_SCOPES) return false;
  if (facts.networks.length > abi.MAX_NETWORKS * abi.NETWORK_SIZE) return false;
  record.fill(0);
  record.set(facts.digest.subarray(0, 32), abi.KEY_FACT_DIGEST);
  record.set(facts.networks, abi.KEY_FACT_NETWORKS);
  record.set(id, abi.KEY_FACT_ID);
  record.set(scopes, abi.KEY_FACT_SCOPES);
  const view = new DataView(memory.buffer, abi.SCRATCH, abi.KEY_FACT_SIZE);
  view.setUint32(abi.KEY_FACT_AUTHENTICATOR, facts.authenticator, true);
  view.setFloat64(abi.KEY_FACT_READ_MS, facts.readMs, true);
  view.setFloat64(abi.KEY_FACT_MADE_MS, facts.madeMs, true);
  view.setFloat64(abi.KEY_FACT_EXPIRES_MS, facts.expiresMs ?? 0, true);
  view.setUint32(abi.KEY_FACT_KIND, facts.kind, true);
  view.setUint32(abi.KEY_FACT_ROLES, facts.roles, true);
  view.setUint32(abi.KEY_FACT_NETWORKS_LENGTH, facts.networks.length, true);
  view.setUint32(abi.KEY_FACT_ID_LENGTH, id.length, true);
  view.setUint32(abi.KEY_FACT_SCOPES_LENGTH, scopes.length, true);
  return true;
}

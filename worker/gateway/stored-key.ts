import * as abi from "../../wasm/abi.ts";
import type { Engine } from "../engine/engine.ts";
import type { KeyFacts } from "../engine/key-facts.ts";
import { kindNames } from "../engine/names.ts";
import type { Verification } from "../engine/verification-record.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import { networkBytes, readNetwork } from "../policy/network.ts";
import type { KeyAnswer, StoredKey } from "./key-lookups.ts";

/** Tells the core what was found, under the policy of `meta`, which must be in force. */
export function tellKey(engine: Engine, asked: Verification, answer: KeyAnswer, meta: PolicyMeta, nowMs: number): void {
  const reason = learn(engine, asked, answer, meta);
  if (reason !== abi.REASON_NONE) engine.refuseKey(asked.authenticator, asked.input, reason, nowMs);
}

/** REASON_NONE: the core knows the key now. Else why it is to be refused. */
function learn(engine: Engine, asked: Verification, answer: KeyAnswer, meta: PolicyMeta): number {
  if (!answer.ok) return abi.REASON_KEYS_UNAVAILABLE;
  const { key, readMs } = answer;
  if (key === null) return abi.REASON_API_KEY_UNKNOWN;
  if (key.isDisabled) return abi.REASON_REVOKED;
  const facts = factsOf(key, asked, meta, readMs);
  if (facts !== null && engine.learnKey(facts)) return abi.REASON_NONE;
  console.error(`API key ${key.id} cannot be read: what D1 says of it is not sound`);
  return abi.REASON_API_KEY_UNKNOWN;
}

/** null: where it may be used cannot be read, so it may be used nowhere. Roles that the policy does not have say nothing. */
function factsOf(key: StoredKey, asked: Verification, meta: PolicyMeta, readMs: number): KeyFacts | null {
  const networks = key.addresses.map(readNetwork).flatMap((read) => (read.ok ? [read.value] : []));
  if (networks.length < key.addresses.length) return null;
  const roles = key.roles.map((name) => meta.roles.findIndex((role) => role.name === name)).filter((index) => index >= 0);
  return {
    authenticator: asked.authenticator,
    digest: asked.input,
    id: key.id,
    kind: Math.max(0, kindNames.indexOf(key.kind as (typeof kindNames)[number])),
    scopes: key.scopes,
    roles: roles.reduce((bits, index) => (bits | (1 << index)) >>> 0, 0),
    networks: networkBytes(networks),
    madeMs: key.madeMs,
    expiresMs: key.expiresMs,
    readMs,
  };
}

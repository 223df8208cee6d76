import { algorithms, isSymmetric } from "./algorithms.ts";
import type { DraftAuthenticator, DraftKey, Mention } from "./draft.ts";
import { readJwk } from "./jwk.ts";
import { type Finding, type PolicyPath, quoted } from "./problem.ts";
import { coseAlgorithms, mac0Algorithms } from "./schema-cwt.ts";

/** What an authenticator's type can name as algorithms, and which of those take a secret. */
const families: Readonly<Record<string, { names: readonly string[]; withSecret: readonly string[] }>> = {
  jwt: { names: algorithms, withSecret: algorithms.filter(isSymmetric) },
  cwt: { names: coseAlgorithms, withSecret: mac0Algorithms },
};

/**
 * Where an authenticator's keys come from, and whether keys and algorithms agree: an algorithm that no key can serve, or a
 * key for no algorithm, is a mistake that would show as refused tokens only; a public key for an HS algorithm a hole.
 *
 * Problems: missing, keys_twice, key_ambiguous, kid_mismatch, algorithm_needs_secret, algorithm_without_key,
 * key_without_algorithm, duplicate_entry.
 */
export function keySourceFindings(authenticator: DraftAuthenticator): Finding[] {
  const { type, path, hasKeys, jwks } = authenticator;
  if (type === "cwt") return [...authenticator.keys.flatMap(formFindings), ...agreement(authenticator)];
  if (type === "api-key") return keyRingFindings(authenticator);
  if (type !== "jwt") return [];
  if (!hasKeys && jwks === "") {
    const expected = "keys: [{ kid, secret } or { kid, jwk }], or jwks: https://…";
    return [{ path: [...path, "keys"], code: "missing", message: "keys is missing", expected, found: "nothing" }];
  }
  if (hasKeys && jwks !== "") {
    const message = "keys stand here and in a key set: which are meant?";
    return [{ path: [...path, "jwks"], code: "keys_twice", message, expected: "keys or jwks", found: "both" }];
  }
  return hasKeys ? [...authenticator.keys.flatMap(formFindings), ...agreement(authenticator)] : secretAlgorithms(authenticator);
}

function keyRingFindings({ path, keys, stored }: DraftAuthenticator): Finding[] {
  if (stored || keys.length > 0) return [];
  const expected = "keys: [{ id, sha256 }], or stored: true";
  return [{ path: [...path, "keys"], code: "missing", message: "there are no keys", expected, found: "nothing" }];
}

function formFindings({ path, kid, jwkKid, secret, jwk }: DraftKey): Finding[] {
  if (secret === "" && jwk === undefined) {
    const message = "secret is missing";
    return [{ path: [...path, "secret"], code: "missing", message, expected: "secret: env:NAME, or jwk", found: "nothing" }];
  }
  if (secret !== "" && jwk !== undefined) {
    return [{ path, code: "key_ambiguous", message: "a key is a secret or a jwk", expected: "one of them", found: "both" }];
  }
  if (jwkKid === "" || jwkKid === kid) return [];
  const message = "the key and its jwk have different kids";
  return [{ path: [...path, "kid"], code: "kid_mismatch", message, expected: quoted(jwkKid), found: quoted(kid) }];
}

/** A key set on the web holds public keys: a secret that all may read would sign for anyone. */
function secretAlgorithms({ algorithms: listed }: DraftAuthenticator): Finding[] {
  return listed
    .filter(({ name }) => algorithms.some((known) => known === name && isSymmetric(known)))
    .map(({ path, name }) => ({
      path,
      code: "algorithm_needs_secret",
      message: `${name} is keyed with a shared secret, which no key set on the web can hold`,
      expected: "keys: [{ kid, secret: env:NAME }], or algorithms with public keys",
      found: quoted(name),
    }));
}

function agreement({ type, keys, derives, algorithms: listed }: DraftAuthenticator): Finding[] {
  const { names, withSecret } = families[type] ?? { names: [], withSecret: [] };
  const own = derives ? [] : keys; // what stands beside derive has its own finding
  const served = derives ? [withSecret] : own.map((key) => servedBy(key, withSecret));
  if (served.length === 0 || served.includes(null)) return []; // what cannot be read has its own finding
  const isKnown = ({ name }: Mention) => names.includes(name);
  const lonely = listed.filter((one) => isKnown(one) && !served.some((some) => some?.includes(one.name)));
  const idle = listed.every(isKnown) ? own.filter((_, i) => !listed.some(({ name }) => served[i]?.includes(name))) : [];
  return [
    ...lonely.map(withoutKey),
    ...idle.map(({ path }) => withoutAlgorithm(path, listed.map(({ name }) => name).join(", "))),
  ];
}

/** null = the key cannot be read. */
function servedBy({ secret, jwk }: DraftKey, withSecret: readonly string[]): readonly string[] | null {
  if ((secret === "") === (jwk === undefined)) return null;
  if (jwk === undefined) return withSecret;
  const key = readJwk(jwk);
  return key.ok ? key.value.algorithms : null;
}

function withoutKey({ path, name }: Mention): Finding {
  const message = `no key of this authenticator can verify ${name}`;
  return { path, code: "algorithm_without_key", message, expected: "a key of its type", found: quoted(name) };
}

function withoutAlgorithm(path: PolicyPath, names: string): Finding {
  const message = "this key is for none of the authenticator's algorithms";
  const expected = `a key for one of ${names}`;
  return { path, code: "key_without_algorithm", message, expected, found: "a key of another type" };
}

/** Warnings: tokens_never_expire. */
export function keySourceWarnings({ type, path, requireExp, maxAge }: DraftAuthenticator): Finding[] {
  if (type !== "jwt" || requireExp || maxAge !== "") return [];
  const message = "a stolen token without exp works for ever";
  const expected = "maxAge beside it";
  return [{ path: [...path, "requireExp"], code: "tokens_never_expire", message, expected, found: "false" }];
}

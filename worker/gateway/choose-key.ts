import type { Algorithm } from "../policy/algorithms.ts";

/** A key as far as its choice goes. */
export interface Candidate {
  kid: string | null;
  algorithms: readonly Algorithm[];
}

/**
 * The key that a token means: the one of its kid; for a token without kid the one without, or the only one there is. Never
 * one that is not for the token's algorithm, and never more than one: trying keys in turn would multiply an attacker's work.
 */
export function chooseKey<Key extends Candidate>(keys: readonly Key[], algorithm: Algorithm, kid: string | null): Key | null {
  const fitting = keys.filter((key) => key.algorithms.includes(algorithm));
  if (kid !== null) return fitting.find((key) => key.kid === kid) ?? null;
  const unnamed = fitting.filter((key) => key.kid === null);
  const meant = unnamed.length > 0 ? unnamed : fitting;
  return meant.length === 1 ? (meant[0] ?? null) : null;
}

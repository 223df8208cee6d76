/** Roles as the core knows them: the nth of the policy's is bit n. A name that the policy does not have is a bug of its checks. */
export function roleBits(known: readonly string[], names: readonly string[]): number {
  return names.reduce((bits, name) => {
    const index = known.indexOf(name);
    if (index < 0 || index > 31) throw new Error("a role without a bit");
    return (bits | (1 << index)) >>> 0;
  }, 0);
}

// Roles: names in a token's claim (or beside an API key) that stand for scopes. The policy knows each of them, so a caller's
// roles are bits, the policy's nth role being bit n; what the policy does not know means nothing here.
import * as abi from "../abi";
import { operations, refAt, stringAddress, stringLength } from "./image";
import { itemAddress, itemIsText, itemLength, nextItem } from "./json-array";
import { memberIsText, memberKind, memberLength, memberNamed, memberValue } from "./json-object";
import { KIND_ARRAY } from "./json-value";
import { policyTextIs } from "./policy-text";
import { CLAIMS_MEMBERS } from "./scratch";

/**
 * The roles that the token judged last names in the authenticator's claim: an array of texts, or one text, which is one role.
 * A claim of any other shape names none.
 *
 * @param authenticator record in the image
 */
export function tokenRoles(authenticator: usize): u32 {
  if (load<i32>(authenticator, abi.AUTH_ROLES_COUNT) == 0) return 0;
  const name = load<i32>(authenticator, abi.AUTH_ROLES_CLAIM);
  if (name < 0) return 0;
  const member = memberNamed(CLAIMS_MEMBERS, stringAddress(name), stringLength(name));
  if (member == 0) return 0;
  if (memberKind(member) != KIND_ARRAY) {
    return memberIsText(member) ? roleOf(authenticator, memberValue(member), memberLength(member)) : 0;
  }
  let roles: u32 = 0;
  for (let at = nextItem(memberValue(member) + 1); at != 0; at = nextItem(at)) {
    if (!itemIsText) return 0;
    roles |= roleOf(authenticator, itemAddress, itemLength);
  }
  return roles;
}

/** The bit of the role of that name, 0 = the policy has none. */
function roleOf(authenticator: usize, address: usize, length: i32): u32 {
  const first = load<i32>(authenticator, abi.AUTH_ROLES_FIRST);
  const count = load<i32>(authenticator, abi.AUTH_ROLES_COUNT);
  for (let i = 0; i < count; i++) if (policyTextIs(refAt(first + i), address, length)) return 1 << i;
  return 0;
}

/** Does the caller hold one of the roles that the operation asks for, if it asks for any? */
@inline
export function rolesSuffice(operation: i32, held: u32): bool {
  const needed = load<u32>(operations + <usize>operation * abi.OPERATION_SIZE + abi.OPERATION_ROLES);
  return needed == 0 || (needed & held) != 0;
}

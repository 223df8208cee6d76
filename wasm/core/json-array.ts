// The strings of an array that valueEnd has accepted: a token's audiences, its scopes.
import { loneSurrogate, stringEnd, stringEscaped, unescape, unescaped } from "./json-string";
import { skipSpace } from "./json-value";

/** The item that nextItem read. `itemIsText` is false when it is no string, or one that UTF-8 cannot hold. */
export let itemIsText: bool = false;
export let itemAddress: usize = 0;
export let itemLength: i32 = 0;

/**
 * Reads one item and undoes its escapes.
 *
 * @param at behind the `[`, or behind the item before
 * @returns address behind the item; 0 when there is none left. Reading on is no use once `itemIsText` is false.
 */
export function nextItem(at: usize): usize {
  at = skipSpace(at);
  if (load<u8>(at) == 0x2c) at = skipSpace(at + 1);
  if (load<u8>(at) == 0x5d) return 0;
  itemIsText = load<u8>(at) == 0x22;
  if (!itemIsText) return at;
  itemAddress = at + 1;
  const end = stringEnd(itemAddress);
  itemLength = <i32>(end - itemAddress);
  if (stringEscaped) {
    itemLength = unescape(itemAddress, end);
    itemAddress = unescaped;
    itemIsText = !loneSurrogate;
  }
  return end + 1;
}

// Space-separated lists of words, compared whole and case-sensitively (RFC 6749 §3.3). Up to 7 bytes behind a text are read.
import { bytesEqual } from "./text";

const SPACE: u8 = 0x20;

export function isText(a: usize, aLength: i32, b: usize, bLength: i32): bool {
  return aLength == bLength && bytesEqual(a, b, aLength);
}

/** Is the word in the list from `at` to `end`? */
export function holdsWord(at: usize, end: usize, word: usize, length: i32): bool {
  while (at < end) {
    let wordEnd = at;
    while (wordEnd < end && load<u8>(wordEnd) != SPACE) wordEnd++;
    if (isText(at, <i32>(wordEnd - at), word, length)) return true;
    at = wordEnd + 1;
  }
  return false;
}

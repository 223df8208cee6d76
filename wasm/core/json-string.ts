// JSON strings (RFC 8259 §7): where one ends, and what it says once its escapes are undone.
import { TEXT } from "./scratch";
import { sequenceEnd, writeCodePoint } from "./utf8";

// Read from memory, because V8 builds a constant vector anew wherever it stands.
const SPACE: usize = memory.data<u32>([0x20202020, 0x20202020, 0x20202020, 0x20202020], 16);
const QUOTE: usize = memory.data<u32>([0x22222222, 0x22222222, 0x22222222, 0x22222222], 16);
const BACKSLASH: usize = memory.data<u32>([0x5c5c5c5c, 0x5c5c5c5c, 0x5c5c5c5c, 0x5c5c5c5c], 16);

const QUOTE_BYTE: u32 = 0x22;

/** Did the string that stringEnd saw last have a backslash in it? */
export let stringEscaped: bool = false;

/** Where unescape wrote last, and whether a lone surrogate is in it. */
export let unescaped: usize = 0;
export let loneSurrogate: bool = false;

let textEnd: usize = TEXT;

/** Forgets every string that was unescaped so far. */
export function textClear(): void {
  textEnd = TEXT;
}

/** Room for `length` bytes behind the unescaped strings; scratch.ts says why it cannot run out. */
export function textTake(length: i32): usize {
  const at = textEnd;
  textEnd += length;
  return at;
}

/** Takes back the room of what was unescaped last. */
@inline
export function textDrop(): void {
  textEnd = unescaped;
}

/** Bit i is set when byte i is a quote, a backslash, a control character or part of a sequence of UTF-8. */
@inline
function stopsIn(text: v128): i32 {
  // As signed bytes, all of a multi-byte sequence is below the space, as control characters are.
  const low = i8x16.lt_s(text, v128.load(SPACE));
  const marks = v128.or(i8x16.eq(text, v128.load(QUOTE)), i8x16.eq(text, v128.load(BACKSLASH)));
  return i8x16.bitmask(v128.or(low, marks));
}

/** stringEnd, inline for the strings of which a token is made: shorter than 16 bytes, ASCII, without escapes. */
@inline
export function shortStringEnd(at: usize): usize {
  const stops = stopsIn(v128.load(at));
  const end = at + ctz(stops);
  if (stops == 0) return stringEnd(at + 16);
  if (load<u8>(end) != QUOTE_BYTE) return stringEnd(at);
  stringEscaped = false;
  return end;
}

/**
 * Address of the quote that closes the string; 0 when it is malformed. Stops at any control character, so a text with a
 * zero byte behind it needs no length.
 *
 * @param at behind the opening quote; 15 bytes past the end are read
 */
export function stringEnd(at: usize): usize {
  stringEscaped = false;
  while (true) {
    const stops = stopsIn(v128.load(at));
    if (stops == 0) {
      at += 16;
      continue;
    }
    at += ctz(stops);
    const stop = load<u8>(at);
    if (stop == QUOTE_BYTE) return at;
    if (stop == 0x5c) {
      stringEscaped = true;
      at = escapeEnd(at + 1);
    } else {
      at = sequenceEnd(at);
    }
    if (at == 0) return 0;
  }
}

/** Address behind an escape, `at` behind its backslash; 0 when there is no such escape. */
function escapeEnd(at: usize): usize {
  const letter = load<u8>(at);
  if (letter == 0x75) return hexDigits(at + 1) >= 0 ? at + 5 : 0;
  return simpleEscape(letter) != 0 ? at + 1 : 0;
}

/** What \" \\ \/ \b \f \n \r \t stand for; 0 = no escape. */
function simpleEscape(letter: u32): u32 {
  switch (letter) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return letter;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return 0;
  }
}

/** The number that four hexadecimal digits make; -1 when one of them is none. */
function hexDigits(at: usize): i32 {
  let value = 0;
  for (let i: usize = 0; i < 4; i++) {
    const c = <u32>load<u8>(at + i);
    const letter = (c | 0x20) - 0x61;
    if (c - 0x30 < 10) value = (value << 4) | (c - 0x30);
    else if (letter < 6) value = (value << 4) | (letter + 10);
    else return -1;
  }
  return value;
}

/**
 * Undoes the escapes of a string that stringEnd has accepted. A pair of surrogate escapes is one character; a lone one is
 * kept as RFC 8259 §8.2 and JSON.parse do, and marked, because nothing that leaves the core can carry it.
 *
 * @param from behind the opening quote
 * @param to the closing quote
 * @returns bytes at `unescaped`
 */
export function unescape(from: usize, to: usize): i32 {
  unescaped = textEnd;
  loneSurrogate = false;
  let out = textEnd;
  while (from < to) {
    const c = <u32>load<u8>(from++);
    if (c != 0x5c) {
      store<u8>(out++, c);
      continue;
    }
    const letter = <u32>load<u8>(from++);
    if (letter != 0x75) {
      store<u8>(out++, simpleEscape(letter));
      continue;
    }
    let code = <u32>hexDigits(from);
    from += 4;
    if ((code & 0xf800) == 0xd800) {
      const low = (code & 0xfc00) == 0xd800 ? lowSurrogate(from) : 0;
      if (low == 0) loneSurrogate = true;
      else {
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
        from += 6;
      }
    }
    out = writeCodePoint(out, code);
  }
  textEnd = out;
  return <i32>(out - unescaped);
}

/** The low surrogate that is escaped at `at`; 0 = none is. */
function lowSurrogate(at: usize): u32 {
  if (load<u16>(at) != 0x755c) return 0; // backslash, u
  const code = hexDigits(at + 2);
  return (code & 0xfc00) == 0xdc00 ? code : 0; // -1 & 0xfc00 is 0xfc00: no surrogate either
}

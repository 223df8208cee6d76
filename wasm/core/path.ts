// One normalized path: what is matched is exactly what is forwarded (RFC 3986 §6.2.2). Whatever two readers could read
// differently is refused, because an upstream that reads it another way would serve it without the operation's rules.
import * as abi from "../abi";
import { SCRATCH_FREE } from "./scratch";
import { bytesEqual } from "./text";

/** 1 = normalization changed bytes: what stands at PATH is to be forwarded. */
export let pathChanged: i32 = 0;

/** 1 = escapes remain in the path (a decoding upstream sees other bytes than the matcher). */
export let pathEscaped: i32 = 0;

/** Bytes of the path without its one trailing slash; 1 for "/". The matcher's end. */
export let matchLength: i32 = 0;

/** The slow case writes here and copies back only a path that is accepted, so that an event shows a refused one as it came. */
const OUTPUT: usize = SCRATCH_FREE;

const SLASH: u32 = 0x2f;
const DOT: u32 = 0x2e;
const PERCENT: u32 = 0x25;

/**
 * Normalizes the `length` raw bytes at PATH in place. Never longer than before.
 *
 * @returns the new length, or -REASON_PATH_TOO_LONG, -REASON_PATH_AMBIGUOUS
 */
export function path_normalize(length: i32): i32 {
  pathChanged = 0;
  pathEscaped = 0;
  if (length > abi.MAX_PATH) return -abi.REASON_PATH_TOO_LONG;
  if (length <= 0 || load<u8>(abi.PATH) != SLASH) return -abi.REASON_PATH_AMBIGUOUS;
  const slashes = scanPlain(length);
  if (slashes < 0) length = normalizeEscaped(length);
  if (length < 0) return length;
  const trailing = length > 1 && load<u8>(abi.PATH + length - 1) == SLASH;
  matchLength = length - <i32>trailing;
  if (slashes - <i32>trailing > abi.MAX_SEGMENTS) return -abi.REASON_PATH_AMBIGUOUS;
  return length;
}

/**
 * The fast case, 16 bytes at a time: number of slashes, or -1 when a byte is there that needs a closer look. A "." or "/"
 * right after a "/" is such a byte, so that segments never have to be cut out here. Loads run up to 16 bytes past the end.
 */
function scanPlain(length: i32): i32 {
  let slashes = 1;
  for (let i = 1; i < length; i += 16) {
    const block = v128.load(abi.PATH + i);
    const before = v128.load(abi.PATH + i - 1);
    const isSlash = i8x16.eq(block, i8x16.splat(0x2f));
    // As signed bytes, 0x80…0xff are below 0x21 as well. From "{" on all but "~", which is plain but rare.
    let odd = v128.or(i8x16.lt_s(block, i8x16.splat(0x23)), i8x16.gt_s(block, i8x16.splat(0x7a)));
    odd = v128.or(odd, v128.or(i8x16.eq(block, i8x16.splat(0x3c)), i8x16.eq(block, i8x16.splat(0x3e)))); // < >
    odd = v128.or(odd, v128.or(i8x16.eq(block, i8x16.splat(0x5e)), i8x16.eq(block, i8x16.splat(0x60)))); // ^ `
    odd = v128.or(odd, v128.or(i8x16.eq(block, i8x16.splat(0x25)), i8x16.eq(block, i8x16.splat(0x5c)))); // % \
    odd = v128.or(odd, v128.or(i8x16.eq(block, i8x16.splat(0x3b)), i8x16.eq(block, i8x16.splat(0x3f)))); // ; ?
    odd = v128.or(odd, i8x16.eq(block, i8x16.splat(0x23))); // #
    const afterSlash = v128.and(i8x16.eq(before, i8x16.splat(0x2f)), v128.or(isSlash, i8x16.eq(block, i8x16.splat(0x2e))));
    const left = length - i;
    const inside = left >= 16 ? 0xffff : (1 << left) - 1;
    if ((i8x16.bitmask(v128.or(odd, afterSlash)) & inside) != 0) return -1;
    slashes += popcnt(i8x16.bitmask(isSlash) & inside);
  }
  return slashes <= abi.MAX_SEGMENTS + 1 ? slashes : -1;
}

/** The careful case, byte by byte. Answers as path_normalize does. */
function normalizeEscaped(length: i32): i32 {
  const end: usize = abi.PATH + length;
  let at: usize = abi.PATH;
  let out: usize = OUTPUT;
  let segments = 0;
  utf8Pending = 0;
  while (at < end) {
    let c = <u32>load<u8>(at++);
    let escaped = c == PERCENT;
    if (escaped) {
      if (at + 2 > end) return -abi.REASON_PATH_AMBIGUOUS;
      c = escapedByte(at);
      at += 2;
      if (c > 0xff || isRefusedEscape(c) || !utf8Continues(c)) return -abi.REASON_PATH_AMBIGUOUS;
      if (isUnreserved(c)) escaped = false;
    } else if (utf8Pending != 0 || isRefusedRaw(c)) return -abi.REASON_PATH_AMBIGUOUS;
    if (escaped) {
      out = writeEscape(out, c);
      continue;
    }
    if (isDoubleEscape(out, c)) return -abi.REASON_PATH_AMBIGUOUS;
    if (c == SLASH && out > OUTPUT) {
      if (isRefusedSegment(out)) return -abi.REASON_PATH_AMBIGUOUS;
      segments++;
    }
    store<u8>(out++, c);
  }
  const trailing = load<u8>(out - 1) == SLASH;
  if (utf8Pending != 0 || (!trailing && isRefusedSegment(out))) return -abi.REASON_PATH_AMBIGUOUS;
  if (segments + <i32>!trailing > abi.MAX_SEGMENTS) return -abi.REASON_PATH_AMBIGUOUS;
  return copyBack(<i32>(out - OUTPUT), length);
}

function copyBack(length: i32, before: i32): i32 {
  pathChanged = <i32>(length != before || !bytesEqual(OUTPUT, abi.PATH, length));
  memory.copy(abi.PATH, OUTPUT, length);
  return length;
}

/** Value of the two hex digits at `at`, or more than 255. */
export function escapedByte(at: usize): u32 {
  return (hexValue(load<u8>(at)) << 4) | hexValue(load<u8>(at, 1));
}

/** 0–15, or 256 for what is no hex digit. */
function hexValue(c: u32): u32 {
  if (c - 0x30 < 10) return c - 0x30;
  c |= 0x20;
  return c - 0x61 < 6 ? c - 0x57 : 256;
}

export function hexDigit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x37 + value;
}

function writeEscape(out: usize, c: u32): usize {
  pathEscaped = 1;
  store<u8>(out, PERCENT);
  store<u8>(out, hexDigit(c >> 4), 1);
  store<u8>(out, hexDigit(c & 15), 2);
  return out + 3;
}

/** RFC 3986 §2.3. */
export function isUnreserved(c: u32): bool {
  return (c | 0x20) - 0x61 < 26 || c - 0x30 < 10 || c == 0x2d || c == DOT || c == 0x5f || c == 0x7e;
}

/**
 * Controls, space, beyond ASCII, the separators that servers disagree about (\ ; # ?), and what no URI may hold raw
 * (" < > ^ ` { | }, RFC 3986 appendix A): URL parsers escape some of it on the way, so that another path would be forwarded.
 */
function isRefusedRaw(c: u32): bool {
  if (c < 0x23 && c != 0x21) return true;
  if (c == 0x5c || c == 0x3b || c == 0x23 || c == 0x3f || c == 0x3c || c == 0x3e) return true;
  return c == 0x5e || c == 0x60 || (c > 0x7a && c != 0x7e);
}

/** As raw, but an escaped space is plain, bytes beyond ASCII are judged as UTF-8, and an escaped slash hides a segment. */
function isRefusedEscape(c: u32): bool {
  return c < 0x20 || c == 0x7f || c == SLASH || c == 0x5c || c == 0x3b || c == 0x23 || c == 0x3f;
}

/** Would writing `c` complete "%25" and two hex digits: an escape to whoever decodes twice? */
function isDoubleEscape(out: usize, c: u32): bool {
  if (hexValue(c) > 15 || out - OUTPUT < 4 || hexValue(load<u8>(out - 1)) > 15) return false;
  return load<u8>(out - 4) == PERCENT && load<u16>(out - 3) == 0x3532; // "25"
}

/** Is what stands between the last slash and `end` empty, "." or ".."? */
function isRefusedSegment(end: usize): bool {
  const last = <u32>load<u8>(end - 1);
  if (last == SLASH) return true;
  if (last != DOT) return false;
  const second = <u32>load<u8>(end - 2);
  return second == SLASH || (second == DOT && load<u8>(end - 3) == SLASH);
}

// Escapes must be well-formed UTF-8 (RFC 3629 §4): an overlong "%C0%AE" is a dot to some and nothing to others.
let utf8Pending: i32 = 0;
let utf8Low: u32 = 0x80;
let utf8High: u32 = 0xbf;

/** Takes one escaped byte; false when the sequence cannot be UTF-8. */
function utf8Continues(c: u32): bool {
  if (utf8Pending > 0) {
    if (c < utf8Low || c > utf8High) return false;
    utf8Pending--;
    utf8Low = 0x80;
    utf8High = 0xbf;
    return true;
  }
  if (c < 0x80) return true;
  if (c < 0xc2 || c > 0xf4) return false;
  utf8Pending = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
  utf8Low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  utf8High = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  return true;
}

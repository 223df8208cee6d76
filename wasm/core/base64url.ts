// base64url (RFC 4648 §5) without padding, strict: every character of the alphabet, no bits left over, so that one value
// has one spelling. 16 characters a step, after Muła and Lemire, "Faster Base64 Encoding and Decoding using AVX2
// Instructions" (ACM TWEB 2018), with the tables of the URL alphabet.

/** Length of what base64url_decode wrote last, bytes. */
export let decodedLength: i32 = 0;

// Tables by nibble. They are read from memory: V8 builds a constant vector anew, in several instructions, wherever it stands.
// One bit for each set of high nibbles that share their low nibbles: 2x, 3x, 4x and 6x, 5x, 7x.
const LOW: usize = memory.data<u8>([
  0x1a, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1c, 0x04, 0x04, 0x05, 0x04, 0x0c,
], 16);
const HIGH: usize = memory.data<u8>([0, 0, 0x01, 0x02, 0x04, 0x08, 0x04, 0x10, 0, 0, 0, 0, 0, 0, 0, 0], 16);
// What to add: '-' 17, digits 4, upper case −65, lower case −71; '_' shares a nibble with P–Z: 33 more.
const SHIFT: usize = memory.data<i8>([0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0], 16);
const PACK: usize = memory.data<u8>([2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255], 16);
const NIBBLE: usize = memory.data<u32>([0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f], 16);
const UNDERSCORE: usize = memory.data<u32>([0x5f5f5f5f, 0x5f5f5f5f, 0x5f5f5f5f, 0x5f5f5f5f], 16);
const UNDERSCORE_SHIFT: usize = memory.data<u32>([0x21212121, 0x21212121, 0x21212121, 0x21212121], 16);
const WEIGHTS: usize = memory.data<u32>([0x00011000, 0x00011000, 0x00011000, 0x00011000], 16); // 64 × 64 and 1, of a pair
const PLACE: usize = memory.data<i8>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16);

@inline
function highNibbles(text: v128): v128 {
  return v128.and(i16x8.shr_u(text, 4), v128.load(NIBBLE));
}

/** Bit i is set when character i is none of A–Z a–z 0–9 - _. */
@inline
function strangers(text: v128): i32 {
  const low = v128.swizzle(v128.load(LOW), v128.and(text, v128.load(NIBBLE)));
  const allowed = v128.and(low, v128.swizzle(v128.load(HIGH), highNibbles(text)));
  return i8x16.bitmask(i8x16.eq(allowed, i8x16.splat(0)));
}

/** 16 characters to 12 bytes, in lanes 0–11. */
@inline
function decodeChunk(text: v128): v128 {
  const shift = v128.swizzle(v128.load(SHIFT), highNibbles(text));
  const underscore = v128.and(i8x16.eq(text, v128.load(UNDERSCORE)), v128.load(UNDERSCORE_SHIFT));
  const sextets = i8x16.add(i8x16.add(text, shift), underscore);
  const pairs = v128.or(i16x8.shr_u(i16x8.shl(sextets, 8), 2), i16x8.shr_u(sextets, 8));
  const triples = i32x4.dot_i16x8_s(pairs, v128.load(WEIGHTS));
  return v128.swizzle(triples, v128.load(PACK));
}

/**
 * Decodes from `at` to the first character outside the alphabet, or to `end`.
 *
 * @param at up to 15 bytes from `end` on may be read
 * @param out written past what was decoded by at most 16 bytes
 * @returns where it stopped; 0 when the characters up to there encode no whole number of bytes, or leave bits over
 * (`decodedLength` says how many bytes stand at `out`)
 */
export function base64urlDecode(at: usize, end: usize, out: usize): usize {
  const start = out;
  let text = v128.load(at);
  let strange = strangers(text);
  while (strange == 0 && at + 16 <= end) {
    v128.store(out, decodeChunk(text));
    at += 16;
    out += 12;
    text = v128.load(at);
    strange = strangers(text);
  }
  const left = min<i32>(ctz(strange | 0x10000), <i32>min<usize>(end - at, 16));
  return decodeRest(text, left, out, start) ? at + left : 0;
}

/** The last `left` < 16 characters of `text`. What a character too many leaves behind must be zero bits. */
@inline
function decodeRest(text: v128, left: i32, out: usize, start: usize): bool {
  const inside = i8x16.lt_s(v128.load(PLACE), i8x16.splat(<i8>left));
  v128.store(out, decodeChunk(v128.bitselect(text, i8x16.splat(0x41), inside))); // 'A' is six zero bits
  out += (left * 6) >> 3;
  decodedLength = <i32>(out - start);
  return (left & 3) != 1 && ((left & 3) == 0 || load<u8>(out) == 0);
}

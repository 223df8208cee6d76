// CBOR's simple values and floats (RFC 8949 §3.3).

const HALF: i32 = 25;
const SINGLE: i32 = 26;
const DOUBLE: i32 = 27;
// Between the exponents of binary16 and of binary32 as their bits have them.
const UP: f32 = 5.192296858534828e33; // 2^112
const DOWN: f32 = 1.925929944387236e-34; // 2^-112

/**
 * Is a simple value one of false, true, null, undefined, or a float in the shortest form that keeps its value (§4.2.1)?
 * The one NaN is 0xf97e00 (§4.2.2).
 *
 * @param info the five low bits of its first byte
 * @param bits the argument
 */
export function isShortest(info: i32, bits: u64): bool {
  if (info < HALF) return info >= 20 && info < 24; // others are not assigned
  if (info == HALF) return (bits & 0x7fff) <= 0x7c00 || bits == 0x7e00;
  if (info == SINGLE) {
    const value = reinterpret<f32>(<u32>bits);
    return value == value && !isHalf(abs(value));
  }
  const value = reinterpret<f64>(bits);
  return value == value && <f64>(<f32>value) != value;
}

/** Has binary16 this value? 11 bits of significand at most, fewer where DOWN makes it subnormal, which UP then shows. */
function isHalf(value: f32): bool {
  if (value > 65504) return value == Infinity;
  const scaled = value * DOWN;
  return (reinterpret<u32>(scaled) & 0x1fff) == 0 && scaled * UP == value;
}

/** The value of a float that isShortest has accepted, as a double; NaN when it is another simple value. */
export function floatValue(info: i32, bits: u64): f64 {
  if (info < HALF) return NaN;
  if (info == DOUBLE) return reinterpret<f64>(bits);
  return info == SINGLE ? <f64>reinterpret<f32>(<u32>bits) : halfValue(<u32>bits);
}

function halfValue(bits: u32): f64 {
  const rest = bits & 0x7fff;
  const value: f64 = rest > 0x7c00 ? NaN : rest == 0x7c00 ? Infinity : <f64>(reinterpret<f32>(rest << 13) * UP);
  return bits > 0x7fff ? -value : value;
}

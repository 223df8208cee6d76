// JSON numbers (RFC 8259 §6).

@inline
function isDigit(at: usize): bool {
  return <u32>load<u8>(at) - 0x30 < 10;
}

/** True when all bytes are digits: each high nibble is 3, and stays 3 when 6 is added. */
@inline
function areDigits(eight: u64): bool {
  const high = eight & 0xf0f0f0f0f0f0f0f0;
  const highAfter = (eight + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0;
  return (high | (highAfter >> 4)) == 0x3333333333333333;
}

/** The number that eight digits make, the first of them in the lowest byte: pairs, then pairs of pairs, then both halves. */
@inline
function eightDigits(text: u64): u64 {
  const digits = text - 0x3030303030303030;
  const pairs = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ff;
  const fours = (pairs * 100 + (pairs >> 16)) & 0x0000ffff0000ffff;
  return (fours * 10000 + (fours >> 32)) & 0xffffffff;
}

/** The first byte from `at` on that is no digit; up to 7 bytes past it are read. */
export function digitsEnd(at: usize): usize {
  if (areDigits(load<u64>(at))) at += 8;
  while (isDigit(at)) at++;
  return at;
}

/** Address behind the number at `at`; 0 when there is none. */
export function numberEnd(at: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (!isDigit(at)) return 0;
  at = load<u8>(at) == 0x30 ? at + 1 : digitsEnd(at); // no leading zeros
  if (load<u8>(at) == 0x2e) {
    if (!isDigit(at + 1)) return 0;
    at = digitsEnd(at + 1);
  }
  if ((load<u8>(at) | 0x20) == 0x65) {
    at++;
    const sign = load<u8>(at);
    if (sign == 0x2b || sign == 0x2d) at++;
    if (!isDigit(at)) return 0;
    at = digitsEnd(at);
  }
  return at;
}

/** True for a number that numberEnd has accepted when it is written without fraction and exponent. */
export function isInteger(at: usize, end: usize): bool {
  return digitsEnd(load<u8>(at) == 0x2d ? at + 1 : at) == end;
}

/**
 * The value of a number that numberEnd has accepted, as a double; infinite when it is beyond one. Exact (Clinger's fast
 * path) for 15 significant digits and powers of ten up to 22, which holds every date that is written as one; else
 * within two units in the last place.
 */
export function numberValue(at: usize, end: usize): f64 {
  const negative = load<u8>(at) == 0x2d;
  if (negative) at++;
  let digits: u64 = 0;
  let power = 0; // the value is digits × 10^power
  let inFraction = false;
  if (at + 8 <= end && areDigits(load<u64>(at))) { // a date has ten digits
    digits = eightDigits(load<u64>(at));
    at += 8;
  }
  for (; at < end; at++) {
    const c = <u32>load<u8>(at);
    if (c == 0x2e) {
      inFraction = true;
      continue;
    }
    if (c - 0x30 >= 10) break;
    if (digits < 1000000000000000000) {
      digits = digits * 10 + (c - 0x30);
      if (inFraction) power--;
    } else if (!inFraction) power++;
  }
  if (at < end) power += exponentValue(at + 1, end);
  const value = scale(<f64>digits, power);
  return negative ? -value : value;
}

/** The exponent's value; 9999 stands for all that no double can reach. */
function exponentValue(at: usize, end: usize): i32 {
  const negative = load<u8>(at) == 0x2d;
  if (negative || load<u8>(at) == 0x2b) at++;
  let value = 0;
  for (; at < end; at++) value = min(value * 10 + <i32>(load<u8>(at) - 0x30), 9999);
  return negative ? -value : value;
}

/** value × 10^power. Powers of ten up to 10^22 are exact doubles, so that one step rounds once. */
function scale(value: f64, power: i32): f64 {
  for (; power > 22; power -= 22) value *= 1e22;
  for (; power < -22; power += 22) value /= 1e22;
  let factor: f64 = 1;
  for (let left = abs(power); left > 0; left--) factor *= 10;
  return power < 0 ? value / factor : value * factor;
}

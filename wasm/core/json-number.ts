// JSON numbers (RFC 8259 §6).

@inline
function isDigit(at: usize): bool {
  return <u32>load<u8>(at) - 0x30 < 10;
}

function digitsEnd(at: usize): usize {
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

/** The exponent's value; further than a double can reach it need not be exact. */
function exponentValue(at: usize, end: usize): i32 {
  const negative = load<u8>(at) == 0x2d;
  if (negative || load<u8>(at) == 0x2b) at++;
  let value = 0;
  for (; at < end; at++) value = min(value * 10 + <i32>(load<u8>(at) - 0x30), 100000);
  return negative ? -value : value;
}

/** value × 10^power; powers up to 10^22 are exact doubles, so such a scaling rounds once. */
function scale(value: f64, power: i32): f64 {
  if (value == 0) return 0;
  for (; power > 22 && value < Infinity; power -= 22) value *= 1e22;
  for (; power < -22 && value > 0; power += 22) value /= 1e22;
  if (power == 0 || value == Infinity) return value;
  return power > 0 ? value * smallPower(power) : value / smallPower(-power);
}

/** 10^power for 0 < power ≤ 22, exact. */
function smallPower(power: i32): f64 {
  let result: f64 = 1;
  for (; power > 0; power--) result *= 10;
  return result;
}

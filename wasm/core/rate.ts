// A rate in a policy image.

/** T and τ, one behind the other, are whole µs, so small that now + τ + T stays exact in a double and in a cell's 55 bits. */
export function isRate(at: usize): bool {
  const interval = load<f64>(at);
  const tolerance = load<f64>(at, 8);
  const sum = interval + tolerance;
  return interval >= 1 && tolerance >= 0 && sum <= 4503599627370496 && floor(interval) == interval && floor(tolerance) == tolerance; // 2^52
}

/** T of a byte, which may be less than a µs; what a charge comes to is rounded up to whole ones. */
export function isByteRate(at: usize): bool {
  const interval = load<f64>(at);
  const tolerance = load<f64>(at, 8);
  return interval > 0 && tolerance >= 0 && interval + tolerance <= 4503599627370496 && floor(tolerance) == tolerance; // 2^52
}

/** A number with its 95 % interval. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

/** The normal distribution's 97.5 % point. */
export const Z95 = 1.959964;

/**
 * How many distinct callers there were, from how many were seen in one sample and in two: Chao's estimator, bias-corrected, with
 * its log-normal interval (Chao, Biometrics 1987; a lower bound where callers differ much). Exact when nothing was left out.
 */
export function estimateDistinct(seen: number, once: number, twice: number, isSampled: boolean): Estimate {
  const unseen = isSampled ? (once * (once - 1)) / (2 * (twice + 1)) : 0;
  if (unseen === 0) return { value: seen, low: seen, high: seen };
  const variance =
    unseen +
    (once * (2 * once - 1) ** 2) / (4 * (twice + 1) ** 2) +
    (once ** 2 * twice * (once - 1) ** 2) / (4 * (twice + 1) ** 4);
  const factor = Math.exp(Z95 * Math.sqrt(Math.log(1 + variance / unseen ** 2)));
  return { value: Math.round(seen + unseen), low: Math.round(seen + unseen / factor), high: Math.round(seen + unseen * factor) };
}

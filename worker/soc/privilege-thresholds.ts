/**
 * From when on something about a caller is a finding, and why there. All of them in one place, so that they can be argued about.
 */
export const thresholds = {
  /** Nothing is said to be unused before a caller was watched for so long: a week holds every weekday's job. */
  watchDays: 7,
  /** … and before it sent so many requests: of 100 uses at a rate of 3 % not one is missed with 95 % probability (rule of three). */
  watchRequests: 100,
  /** A credential that lives longer outlives people's memory of where it lies; 90 days is what CIS benchmarks give cloud keys. */
  longLivedDays: 90,
  /** Two of those periods: who has not rotated by then has no rotation. */
  notRotatedDays: 180,
  /** Nobody misses a caller that was silent for a quarter: quarterly jobs show once in that time. */
  dormantDays: 90,
  /** Addresses of one API key in one day, by the lower end of the estimate: more than a redundant pair, its move and a few offices. */
  sharedAddresses: 10,
} as const;

export const DAY_MS = 86_400_000;

/** The most that a caller did on an operation in one day and region; see migrations/0006_peaks.sql. */
export interface PeakRow {
  /** UTC day since 1970. */
  day: number;
  region: string;
  authenticator: string;
  principal: string;
  service: string;
  method: string;
  operation: string;
  /** Requests let pass within one minute, and within ten seconds. */
  minute: number;
  burst: number;
  /** Requests within one minute, the refused ones too. */
  asked: number;
}

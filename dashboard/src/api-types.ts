/** The SOC API as the console reads it: /_picket/api/openapi.json describes the whole. Times in ms since 1970, counts in requests. */

export type Verdict = "allow" | "refuse" | "shadow";

/** What a region saw in one step; null in a series where the region did not report. */
export interface Step {
  requests: number;
  refused: number;
  shadow: number;
}

/** An estimate from samples with its 95 % interval. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface TimeRange {
  name: string;
  fromMs: number;
  toMs: number;
  stepMs: number;
}

export interface RegionSeries {
  region: string;
  requests: number;
  refused: number;
  lastReportMs: number | null;
  series: (Step | null)[];
}

export interface OperationTotals {
  service: string;
  method: string;
  operation: string;
  owner: string;
  requests: number;
  refused: number;
  shadow: number;
  p95Ms: number | null;
}

export interface ReasonTotals {
  reason: string;
  verdict: "refuse" | "shadow";
  service: string;
  operation: string;
  requests: number;
}

export interface PrincipalTotals {
  principal: string;
  kind: string;
  operation: string;
  method: string;
  refused: Estimate;
}

export interface Telemetry {
  reported: number;
  stored: number;
  dropped: number;
  pending: number;
}

export interface Overview {
  range: TimeRange;
  generatedMs: number;
  totals: {
    requests: number;
    refused: number;
    shadow: number;
    upstreamFailures: number;
    p95Ms: number | null;
    principals: Estimate | null;
  };
  /** The same length of time before; null where there is no data. */
  previous: { requests: number; refused: number } | null;
  regions: RegionSeries[];
  operations: OperationTotals[];
  reasons: ReasonTotals[];
  principals: PrincipalTotals[];
  policy: { version: number; publishedMs: number };
  telemetry: Telemetry;
}

/** A request's record, kept with a known probability; it stands for max(weight, threshold) requests of its stratum. */
export interface LiveEvent {
  id: string;
  timeMs: number;
  region: string;
  verdict: Verdict;
  reason: string;
  service: string;
  method: string;
  operation: string;
  path: string;
  status: number | null;
  latencyMs: number | null;
  bytesIn: number;
  bytesOut: number;
  principal: string;
  kind: string;
  authenticator: string;
  limit: string;
  address: string;
  country: string;
  asn: number;
  colo: string;
  weight: number;
  threshold: number;
}

export interface Hello {
  type: "hello";
  region: string;
  nowMs: number;
  pulse: { stepMs: number; fromMs: number; steps: (Step | null)[] };
  events: LiveEvent[];
}

export interface Tick {
  type: "tick";
  region: string;
  nowMs: number;
  reported: number;
  pulse: ({ t: number } & Step)[];
  events: LiveEvent[];
  /** Requests seen but not shown. */
  skipped: number;
  policyVersion: number;
}

export type LiveMessage = Hello | Tick;

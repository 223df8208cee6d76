/** One exchange between an isolate and its region. Both sides check `v`; unknown versions are refused, not guessed at. */
export const REPORT_VERSION = 3;

/** What an isolate saw since its last report. Numbers are exact; `samples` are what its sampler kept. */
export interface Report {
  v: typeof REPORT_VERSION;
  /** 16 hex digits, drawn when the isolate starts. */
  isolate: string;
  /** 1, 2, 3 … for this isolate. A repeated number changes nothing. */
  seq: number;
  region: string;
  policyVersion: number;
  fromMs: number;
  toMs: number;
  /** Requests in this report = the sum of `rollups[].requests`. */
  requests: number;
  operations: OperationName[];
  rollups: RollupIncrement[];
  traffic: TrafficIncrement[];
  samples: SampledEvent[];
  /** Every authenticated caller, each once. */
  callers: CallerIncrement[];
  /** What limits with a penalty refused, by key; each key once. */
  refusals: RefusalIncrement[];
  /** Generation of the region's blocks that the isolate has in force; 0 = it has none. */
  blocksGeneration: number;
  /** Counts of what went wrong or did not fit since the last report. */
  counters: ReportCounters;
}

export interface ReportCounters {
  coreFaults: number;
  reportsDropped: number;
  requestsDropped: number;
  limitEvictions: number;
  unsampled: number;
  /** Requests of authenticated callers that are not in `callers`: with those that are, all of them. */
  callersUnlisted: number;
  /** Requests whose place is not in their caller's `places`. */
  placesUnlisted: number;
  /** Refusals by limits with a penalty that are not in `refusals`. */
  refusalsUnlisted: number;
  /** Blocks that the isolate had no room for. */
  blocksUnkept: number;
}

export interface OperationName {
  service: string;
  method: string;
  /** Path template, or "(undocumented)" / "(no service)". */
  operation: string;
}

export type Verdict = "allow" | "refuse" | "shadow";

export interface RollupIncrement {
  /** Index into `operations`. */
  operation: number;
  verdict: Verdict;
  /** Stable reason code, "" for a plain allow. */
  reason: string;
  requests: number;
}

export interface TrafficIncrement {
  operation: number;
  /** Upstream answers 1xx, 2xx, 3xx, 4xx, 5xx, and upstream failures (our 502/504). */
  statuses: number[];
  bytesIn: number;
  bytesOut: number;
  /** [bucket, requests]; bucket as in wasm/abi.ts LATENCY_BUCKETS. */
  latency: [number, number][];
}

/** A principal that an authenticator vouched for, what its newest credential says, and what it did. */
export interface CallerIncrement {
  authenticator: string;
  /** "" = its credentials name nobody. */
  principal: string;
  kind: SampledEvent["kind"];
  /** What names the credential: an API key's id, a token's kid; "" = nothing does. Cut at 64 bytes. */
  credential: string;
  /** Space-separated, cut at 512 bytes. */
  scopes: string;
  /** What the credential claims of its device, printable ASCII cut at 32 bytes; "" = nothing. */
  firmware: string;
  /** Names of the policy's roles, space-separated. */
  roles: string;
  /** null = it does not say. */
  issuedMs: number | null;
  /** null = never. */
  expiresMs: number | null;
  /** The longest of a credential that says both dates. */
  lifetimeMs: number | null;
  /** A credential without an expiry was accepted. */
  endless: boolean;
  firstMs: number;
  lastMs: number;
  /** Linear counting over 64 bits (Whang et al., TODS 1990): the lower and the higher half. */
  addresses: [number, number];
  places: [country: string, asn: number][];
  /** [index into `operations`, let pass, refused] */
  operations: [number, number, number][];
}

/** A key that a limit with a penalty refused, and who came with it first. */
export interface RefusalIncrement {
  limit: string;
  /** Which of the limit's windows. */
  window: number;
  /** 16 hex digits: its hash under the deployment's seed. */
  key: string;
  /** "" = none. */
  authenticator: string;
  /** Cut at 96 bytes; "" = nobody is named. */
  principal: string;
  address: string;
  refusals: number;
  /** Requests that came while it was blocked. */
  knocks: number;
}

export interface SampledEvent {
  /** Event id = the answer's X-Request-Id, 16 hex digits. */
  id: string;
  timeMs: number;
  region: string;
  verdict: Verdict;
  reason: string;
  service: string;
  method: string;
  operation: string;
  path: string;
  /** null while the upstream had not answered when the record was sent. */
  status: number | null;
  latencyMs: number | null;
  bytesIn: number;
  bytesOut: number;
  principal: string;
  kind: "" | "user" | "service" | "device" | "agent" | "partner";
  authenticator: string;
  limit: string;
  address: string;
  country: string;
  asn: number;
  colo: string;
  /** Priority sampling (Duffield, Lund, Thorup 2007): this record stands for max(weight, threshold) requests of its stratum. */
  stratum: number;
  priority: number;
  weight: number;
  threshold: number;
}

/** What the region answers. */
export interface Orders {
  v: typeof REPORT_VERSION;
  /** The report's `seq`, acknowledged: it is stored durably or was a repeat. */
  seq: number;
  /** Newest policy; fetch it when it is not the one in force. 0 = none yet. */
  policyVersion: number;
  /** Newest revocations and grants; fetch them when it is not the one in force. 0 = there are none. */
  overlayGeneration: number;
  /** What has changed in the penalty box since the generation that the report names; null = nothing. */
  blocks: BlockList | null;
  /** Wait so long before the next report. */
  nextReportMs: number;
  /** k of each stratum for the next report. */
  samplesPerStratum: number;
  /** Set when the report was malformed and nothing of it was taken: a stable code. Sending it again cannot help. */
  refused?: string;
}

/** Changes up to a generation: all of those in force for who has none. */
export interface BlockList {
  generation: number;
  changes: BlockChange[];
}

export interface BlockChange {
  key: string;
  /** How much longer it is blocked, so that clocks need not agree; 0 = it is let out. */
  leftMs: number;
}

import type { PublicKey } from "./jwk.ts";

/**
 * What a policy becomes: the image that the core reads, and the facts beside it that only the host needs. The image's HMAC
 * midstates can forge tokens, as the secrets can, so both are encrypted wherever they rest; the facts hold nothing secret.
 */
export interface CompiledPolicy {
  version: number;
  image: Uint8Array;
  meta: PolicyMeta;
  secrets: VerificationSecret[];
}

/** An HMAC key of algorithms that the core does not verify. */
export interface VerificationSecret {
  /** Index of its authenticator. */
  authenticator: number;
  /** null = none. */
  kid: string | null;
  /** Its bytes in base64url. */
  key: string;
}

/** Host-side facts. Array indices are the image's indices. JSON-safe. */
export interface PolicyMeta {
  version: number;
  services: ServiceMeta[];
  operations: OperationMeta[];
  authenticators: AuthenticatorMeta[];
  /** In the order of a caller's role bits. */
  roles: RoleMeta[];
  limits: LimitMeta[];
  /** True when some limit is told with every answer. */
  announcesLimits: boolean;
  /** Lower-case header names by credential slot; slot 0 is always "authorization". */
  credentialHeaders: string[];
  /** Lower-case names of the headers that limits count by, by slot. */
  keyHeaders: string[];
  /** True when an authenticator takes DPoP proofs: only then is the header read. */
  takesProofs: boolean;
  /** True when a service matches on its host: only then is the Host written into the core. */
  usesHost: boolean;
  telemetry: TelemetryMeta;
}

/** One window of a limit, as the image has one record of it. */
export interface LimitMeta {
  name: string;
  /** Position among the windows of that name. */
  window: number;
  /** What it counts apart, as the policy writes it. */
  by: string[];
  kind: "rate" | "concurrent" | "quota";
  counts: "requests" | "upstream-cost" | "bytes-in" | "bytes-out" | "bytes";
  /** Units in `windowSeconds`, in a quota's period, or in flight. */
  rate: number;
  /** 0 = it has no window. */
  windowSeconds: number;
  burst: number;
  quota: { count: number; period: "day" | "week" | "month"; timezone: string } | null;
  scope: "isolate" | "region" | "global";
  strict: boolean;
  whenAway: "local" | "refuse";
  penalty: PenaltyMeta | null;
  mode: "enforce" | "shadow";
  /** When RateLimit headers tell callers of it. */
  announce: "refusals" | "always" | "never";
}

export interface PenaltyMeta {
  /** Refusals of one key within `within` that block it. */
  after: number;
  /** ms, as the others. */
  within: number;
  /** Of the first block; each further one is twice as long, up to `most`. */
  block: number;
  most: number;
}

export interface RoleMeta {
  name: string;
  scopes: string[];
}

export interface AuthenticatorMeta {
  name: string;
  type: "jwt" | "cwt" | "api-key";
  slot: number;
  /** Who answers for its callers; "" = nobody is named. */
  owner: string;
  /** Of an API key authenticator: the policy's own keys. */
  keys: { id: string; owner: string }[];
  /** How the host verifies signatures for it; null = it never has to. */
  verification: VerificationMeta | null;
  /** How its API keys are kept in D1; null = they are not. */
  store: KeyStoreMeta | null;
}

export interface KeyStoreMeta {
  /** The <env> of its keys; null = any. */
  environment: string | null;
  /** Look-ups of one address. */
  rate: number;
  windowSeconds: number;
}

export interface VerificationMeta {
  keys: PublicKey[];
  /** Where else its keys are; null = nowhere. */
  jwks: string | null;
  rate: number;
  windowSeconds: number;
}

export interface ServiceMeta {
  name: string;
  owner: string;
  /** What the service matches on, for the fail mode when the core is gone. `host` null = any. */
  host: string | null;
  prefix: string;
  upstream: { kind: "url"; origin: string; basePath: string } | { kind: "binding"; name: string };
  passCredential: boolean;
  failMode: "closed" | "open";
  /** Time until the upstream's response headers, ms. */
  timeoutMs: number;
  cors: CorsMeta | null;
  /** For RFC 6750's WWW-Authenticate: true when some authenticator takes a bearer token. */
  bearer: boolean;
  /** For RFC 9449's: whether some authenticator takes DPoP proofs, or all of them take nothing else. */
  dpop: "none" | "allowed" | "required";
}

export interface CorsMeta {
  origins: string[];
  methods: string[];
  headers: string[];
  maxAgeSeconds: number;
}

export interface OperationMeta {
  /** -1 for operation 0, which stands for requests that match no service. */
  service: number;
  method: string;
  /** Path template, or "(undocumented)" / "(no service)". */
  template: string;
  /** All of which a caller must have. */
  scopes: string[];
  /** One of which a caller must have; none = whoever the service lets in. */
  roles: string[];
}

export interface TelemetryMeta {
  rowsPerDay: number;
  retainDays: number;
}

/**
 * What a policy becomes: the image that the core reads, and the facts beside it that only the host needs. Neither holds a
 * secret in the clear, but the image's HMAC midstates can forge tokens, so it is encrypted wherever it rests.
 */
export interface CompiledPolicy {
  version: number;
  image: Uint8Array;
  meta: PolicyMeta;
}

/** Host-side facts. Array indices are the image's indices. JSON-safe. */
export interface PolicyMeta {
  version: number;
  services: ServiceMeta[];
  operations: OperationMeta[];
  authenticators: { name: string; type: "jwt" | "cwt" | "api-key"; slot: number }[];
  limits: { name: string; burst: number; rate: number; windowSeconds: number }[];
  /** Lower-case header names by credential slot; slot 0 is always "authorization". */
  credentialHeaders: string[];
  /** True when a service matches on its host: only then is the Host written into the core. */
  usesHost: boolean;
  telemetry: TelemetryMeta;
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
  scopes: string[];
}

export interface TelemetryMeta {
  rowsPerDay: number;
  retainDays: number;
}

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import type { RegionObject } from "../../worker/region/region-object.ts";
import type {
  CallerIncrement,
  Orders,
  RefusalIncrement,
  Report,
  RollupIncrement,
  SampledEvent,
} from "../../worker/region/report.ts";

/** The test Worker's bindings, and what a deployment sets beside them. */
export const env: Env = {
  ...(testEnv as unknown as Env),
  PICKET_KEY: btoa("k".repeat(32)),
  PICKET_ADMIN_TOKEN: "an-administrator",
  PICKET_SECRETS: JSON.stringify({ "env:DEVICE_SECRET": "a-device-secret-of-32-bytes-or-more" }),
};

/** Noon of a day far ahead: alarms set by this clock never ring by themselves. */
export const NOON_MS = Date.UTC(2096, 0, 2, 12);

export function sample(over: Partial<SampledEvent> = {}): SampledEvent {
  return {
    id: "00000000000000aa",
    timeMs: NOON_MS,
    region: "local",
    verdict: "allow",
    reason: "",
    service: "fleet",
    method: "GET",
    operation: "/fleet/{id}",
    path: "/fleet/7",
    status: 200,
    latencyMs: 12.5,
    bytesIn: 0,
    bytesOut: 100,
    principal: "device-7",
    kind: "device",
    authenticator: "device-tokens",
    limit: "",
    address: "192.0.2.7",
    country: "CH",
    asn: 64496,
    colo: "ZRH",
    stratum: 0,
    priority: 2,
    weight: 1,
    threshold: 0,
    ...over,
  };
}

/** A caller of the report's first operation. */
export function caller(over: Partial<CallerIncrement> = {}): CallerIncrement {
  return {
    authenticator: "device-tokens",
    principal: "device-7",
    kind: "device",
    credential: "d1",
    scopes: "telemetry:write",
    firmware: "",
    roles: "",
    issuedMs: NOON_MS - 60_000,
    expiresMs: NOON_MS + 60_000,
    lifetimeMs: 120_000,
    endless: false,
    firstMs: NOON_MS - 500,
    lastMs: NOON_MS - 100,
    addresses: [1, 0],
    places: [["CH", 64496]],
    operations: [[0, 3, 1]],
    ...over,
  };
}

/** Of a key of the limit "api". */
export function refusal(over: Partial<RefusalIncrement> = {}): RefusalIncrement {
  return {
    limit: "api",
    window: 0,
    key: "00000000000000aa",
    authenticator: "device-tokens",
    principal: "device-7",
    address: "192.0.2.7",
    refusals: 1,
    knocks: 0,
    ...over,
  };
}

export const OPERATION = { service: "fleet", method: "GET", operation: "/fleet/{id}" };

export const NOTHING_LOST = {
  coreFaults: 0,
  reportsDropped: 0,
  requestsDropped: 0,
  limitEvictions: 0,
  unsampled: 0,
  callersUnlisted: 0,
  placesUnlisted: 0,
  refusalsUnlisted: 0,
  blocksUnkept: 0,
};

/** A well-formed report of `allowed` + `refused` requests. */
export function report(over: Partial<Report> & { allowed?: number; refused?: number } = {}): Report {
  const { allowed = 3, refused = 1, ...fields } = over;
  const rollups: RollupIncrement[] = [
    { operation: 0, verdict: "allow", reason: "", requests: allowed },
    { operation: 0, verdict: "refuse", reason: "scope_missing", requests: refused },
  ];
  return {
    v: 3,
    isolate: "0123456789abcdef",
    seq: 1,
    region: "local",
    policyVersion: 1,
    fromMs: NOON_MS - 1000,
    toMs: NOON_MS,
    requests: allowed + refused,
    operations: [OPERATION],
    rollups,
    traffic: [{ operation: 0, statuses: [0, allowed, 0, 0, 0, 0], bytesIn: 10, bytesOut: 20, latency: [[40, allowed]] }],
    samples: [sample({ region: fields.region ?? "local" })],
    callers: [],
    refusals: [],
    blocksGeneration: 0,
    counters: NOTHING_LOST,
    ...fields,
  };
}

/** One region's object under a clock of the test's own. */
export class TestRegion {
  readonly stub: DurableObjectStub<RegionObject>;
  nowMs: number;

  constructor(name = "local", nowMs = NOON_MS) {
    this.stub = env.REGION_OBJECTS.getByName(name);
    this.nowMs = nowMs;
  }

  /** Runs inside the object, its clock set first (a fresh incarnation of the instance starts with the real one). */
  inside<T>(run: (object: RegionObject, state: DurableObjectState) => T | Promise<T>): Promise<T> {
    return runInDurableObject(this.stub, (object: RegionObject, state) => {
      object.now = () => this.nowMs;
      return run(object, state);
    });
  }

  report(value: unknown): Promise<Orders> {
    return this.inside((object) => object.report(value as Report));
  }

  /** Lets `ms` pass and rings the alarm, if one is set. */
  async pass(ms: number): Promise<boolean> {
    this.nowMs += ms;
    await this.inside(() => {});
    return runDurableObjectAlarm(this.stub);
  }

  accounts() {
    return this.inside((object) => object.ledger.accounts());
  }
}

export const countOf = async (sql: string) => (await env.DB.prepare(sql).first<number>("n")) ?? 0;
export const storedRequests = () => countOf("SELECT SUM(requests) AS n FROM rollups");

/** D1 as it fails: before it does anything, or after it did everything. */
export function failingDatabase(when: "before" | "after"): D1Database {
  const batch = async (statements: D1PreparedStatement[]) => {
    if (when === "after") await env.DB.batch(statements);
    throw new Error("D1_ERROR: network connection lost");
  };
  const prepare = (sql: string) =>
    sql.startsWith("SELECT batch_seq")
      ? ({ bind: () => ({ first: () => Promise.reject(new Error("D1_ERROR: away")) }) } as never)
      : env.DB.prepare(sql);
  return { batch, prepare } as unknown as D1Database;
}

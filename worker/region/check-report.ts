import { LATENCY_BUCKETS, MAX_OPERATIONS, MAX_SAMPLES, REASON_COUNT, STRATA, VERDICT_COUNT } from "../../wasm/abi.ts";
import { kindNames, reasonNames, verdictNames } from "../engine/names.ts";
import { checkCallers } from "./check-callers.ts";
import { checkRefusals } from "./check-refusals.ts";
import { REPORT_VERSION } from "./report.ts";

/** Why a report was refused. Stable: isolates count them, the documentation lists them. */
export type ReportRefusal =
  | "report_malformed"
  | "report_version_unknown"
  | "report_region_mismatch"
  | "report_isolate_invalid"
  | "report_time_invalid"
  | "report_operations_invalid"
  | "report_rollups_invalid"
  | "report_requests_mismatch"
  | "report_traffic_invalid"
  | "report_samples_invalid"
  | "report_callers_invalid"
  | "report_refusals_invalid"
  | "report_counters_invalid"
  | "report_too_large";

const MAX_COUNT = 2 ** 40; // requests or bytes of one report; sums of a day stay exact in a double
const MAX_NAME = 128;
const MAX_TEMPLATE = 1024;
const MAX_ROLLUPS = MAX_OPERATIONS * 4; // an isolate reports every few hundred requests: far above what it can see
const MAX_TRAFFIC_BYTES = 2 ** 50;
const HEX_16 = /^[0-9a-f]{16}$/;
const verdicts = new Set<unknown>(verdictNames);
const reasons = new Set<unknown>(reasonNames);
const kinds = new Set<unknown>(kindNames);
if (verdictNames.length !== VERDICT_COUNT || reasonNames.length !== REASON_COUNT)
  throw new Error("worker/engine/names.ts does not fit wasm/abi.ts");

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown, max: number): value is string => typeof value === "string" && value.length <= max;
const isCount = (value: unknown, max = MAX_COUNT): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max;
const isAmount = (value: unknown, max = MAX_TRAFFIC_BYTES): value is number =>
  typeof value === "number" && value >= 0 && value <= max;
const isList = (value: unknown, max: number, holds: (item: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.length <= max && value.every(holds);

/** A report's every field and bound. null = well formed, and then `value` is a Report of `region`. */
export function checkReport(value: unknown, region: string): ReportRefusal | null {
  if (!isFields(value)) return "report_malformed";
  if (value.v !== REPORT_VERSION) return "report_version_unknown";
  if (value.region !== region) return "report_region_mismatch";
  if (typeof value.isolate !== "string" || !HEX_16.test(value.isolate)) return "report_isolate_invalid";
  if (!isCount(value.seq) || value.seq < 1 || !isCount(value.policyVersion)) return "report_isolate_invalid";
  if (!isCount(value.blocksGeneration, Number.MAX_SAFE_INTEGER)) return "report_isolate_invalid";
  if (
    !isCount(value.fromMs, Number.MAX_SAFE_INTEGER) ||
    !isCount(value.toMs, Number.MAX_SAFE_INTEGER) ||
    value.fromMs > value.toMs
  )
    return "report_time_invalid";
  if (!isList(value.operations, MAX_OPERATIONS, isOperation)) return "report_operations_invalid";
  return (
    checkCounts(value, value.operations.length) ??
    checkSamples(value, region) ??
    checkCallers(value, value.operations.length) ??
    checkRefusals(value)
  );
}

function checkCounts(value: Fields, operations: number): ReportRefusal | null {
  if (!isList(value.rollups, MAX_ROLLUPS, (item) => isRollup(item, operations))) return "report_rollups_invalid";
  const requests = value.rollups.reduce((sum: number, item) => sum + Number((item as Fields).requests), 0);
  if (value.requests !== requests) return "report_requests_mismatch";
  if (!isList(value.traffic, MAX_OPERATIONS, (item) => isTraffic(item, operations))) return "report_traffic_invalid";
  const counters = value.counters;
  const names = [
    ...["coreFaults", "reportsDropped", "requestsDropped", "limitEvictions", "unsampled"],
    ...["callersUnlisted", "placesUnlisted"],
    ...["refusalsUnlisted", "blocksUnkept"],
  ];
  return isFields(counters) && names.every((name) => isCount(counters[name])) ? null : "report_counters_invalid";
}

function checkSamples(value: Fields, region: string): ReportRefusal | null {
  const holds = (item: unknown) => isFields(item) && item.region === region && isSample(item);
  return isList(value.samples, STRATA * MAX_SAMPLES, holds) ? null : "report_samples_invalid";
}

function isOperation(item: unknown): boolean {
  return isFields(item) && isText(item.service, MAX_NAME) && isText(item.method, 16) && isText(item.operation, MAX_TEMPLATE);
}

const isIndex = (value: unknown, length: number) => isCount(value) && value < length;

function isRollup(item: unknown, operations: number): boolean {
  return (
    isFields(item) &&
    isIndex(item.operation, operations) &&
    verdicts.has(item.verdict) &&
    reasons.has(item.reason) &&
    isCount(item.requests)
  );
}

function isTraffic(item: unknown, operations: number): boolean {
  return (
    isFields(item) &&
    isIndex(item.operation, operations) &&
    isList(item.statuses, 6, (status) => isCount(status)) &&
    item.statuses.length === 6 &&
    isAmount(item.bytesIn) &&
    isAmount(item.bytesOut) &&
    isList(item.latency, LATENCY_BUCKETS, isLatency)
  );
}

function isLatency(item: unknown): boolean {
  return Array.isArray(item) && item.length === 2 && isIndex(item[0], LATENCY_BUCKETS) && isCount(item[1]);
}

/** Text of a sampled request: hostile in content, bounded in length (UTF-16 units; the core cuts at bytes). */
const sampleTexts: [string, number][] = [
  ["service", MAX_NAME],
  ["method", 16],
  ["operation", MAX_TEMPLATE],
  ["path", 512],
  ["principal", 256],
  ["authenticator", MAX_NAME],
  ["limit", MAX_NAME],
  ["address", 64],
  ["country", 2],
  ["colo", 3],
];

function isSample(item: Fields): boolean {
  return (
    typeof item.id === "string" &&
    HEX_16.test(item.id) &&
    isCount(item.timeMs, Number.MAX_SAFE_INTEGER) &&
    verdicts.has(item.verdict) &&
    reasons.has(item.reason) &&
    kinds.has(item.kind) &&
    sampleTexts.every(([name, max]) => isText(item[name], max)) &&
    isSampleNumbers(item)
  );
}

function isSampleNumbers(item: Fields): boolean {
  return (
    (item.status === null || isCount(item.status, 999)) &&
    (item.latencyMs === null || isAmount(item.latencyMs)) &&
    isAmount(item.bytesIn) &&
    isAmount(item.bytesOut) &&
    isCount(item.asn, 2 ** 32 - 1) &&
    isIndex(item.stratum, STRATA) &&
    isFinitePositive(item.weight) &&
    isFinitePositive(item.priority) &&
    isAmount(item.threshold, Number.MAX_VALUE)
  );
}

const isFinitePositive = (value: unknown) => typeof value === "number" && value > 0 && value <= Number.MAX_VALUE;

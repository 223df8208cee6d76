// One request, one synchronous call: normalize, match, authenticate, limit, observe. Reads the request record, writes the
// verdict record. Time and randomness come from outside, so any run can be replayed.
import * as abi from "../abi";
import { authenticate } from "./authenticate";
import { bindsHold } from "./bind";
import { callerCount } from "./callers";
import { credentialAccepted, credentialReset } from "./credential";
import { eventFill } from "./event";
import { gcra_evictions, gcra_new } from "./gcra";
import { grantEnded } from "./grants";
import { image, services } from "./image";
import { limitKeysReset } from "./limit-key";
import { limitsTake, shadowLimit, verificationTake } from "./limits";
import { overlayBoot } from "./overlay";
import { path_normalize, pathChanged } from "./path";
import { blockLimit } from "./penalties";
import { rolesSuffice } from "./roles";
import { routeMatch, routeOperation, routeService, routeUndocumented } from "./route";
import { sampleOffer, sampleRecord, samplesBoot, sampleSettle, sampleTicket } from "./samples";
import { scopesSuffice } from "./scopes";
import { siphash } from "./siphash";
import { proofBoot } from "./proof";
import { PROOF_ROOM_END } from "./scratch";
import { statsCount, statsRequests, statsSettle } from "./stats";
import { tokenTablesBoot } from "./token-table";

/** The last instant that the core counts in: far enough for anyone, and its µs plus any debt fit a cell's 55 bits. */
const MAX_NOW_MS: f64 = 8640000000000; // 100,000 days

let limitTable: usize = 0;
let booted: bool = false;

let secretLow: u64 = 0;
let secretHigh: u64 = 0;
const counter: usize = memory.data(8, 8);

/** The request is let pass although REASON is not none. */
let shadow: bool = false;

/**
 * Allots the tables. Reads 32 random bytes, known to nobody outside this isolate, from SCRATCH; the first 16 key its own
 * tables, the last 16 the event ids.
 *
 * @param cells of the limit table, a power of two of at least 16
 * @param samples the largest k of a stratum, 1 … MAX_SAMPLES
 * @returns 0, 1 = the constants of this module do not fit below STATIC_END, 2 = bad numbers or not enough room, 3 = twice
 */
export function core_boot(cells: i32, samples: i32): i32 {
  if (__heap_base > <usize>abi.STATIC_END || PROOF_ROOM_END > <usize>abi.USED_PROOFS) return 1;
  if (limitTable != 0) return 3;
  limitTable = <usize>gcra_new(cells);
  if (limitTable == 0 || !samplesBoot(samples)) return 2;
  tokenTablesBoot(abi.SCRATCH);
  proofBoot(abi.SCRATCH);
  secretLow = load<u64>(abi.SCRATCH, 16);
  secretHigh = load<u64>(abi.SCRATCH, 24);
  overlayBoot(load<u64>(abi.SCRATCH), load<u64>(abi.SCRATCH, 8));
  memory.fill(abi.SCRATCH, 0, 32);
  booted = true;
  return 0;
}

/** Limit cells in debt that were evicted, since the boot. */
export function evictions_count(): i32 {
  return booted ? gcra_evictions(<i32>limitTable) : 0;
}

/**
 * Decides the request in the request record. `nowMs`: Unix time.
 *
 * @returns VERDICT_*; the rest stands in the verdict record until the next call. After VERDICT_VERIFY nothing was counted,
 * and the request is not decided: the host verifies the signature, writes the request anew and calls again
 */
export function decide(nowMs: f64): i32 {
  nowMs = nowMs > 0 ? min(nowMs, MAX_NOW_MS) : 0;
  clearVerdict();
  shadow = false;
  const reason = queryJudge(judge(nowMs));
  if (reason == abi.VERIFICATION_NEEDED) return abi.VERDICT_VERIFY;
  store<i32>(abi.VERDICT_REASON, reason);
  const verdict = reason == abi.REASON_NONE ? abi.VERDICT_ALLOW : shadow ? abi.VERDICT_SHADOW : abi.VERDICT_REFUSE;
  if (booted) observe(verdict, reason, nowMs);
  return verdict;
}

function clearVerdict(): void {
  // In 16-byte stores: memory.fill leaves the module, which costs more than the rest of this function.
  for (let at: usize = abi.VERDICT; at < <usize>(abi.VERDICT + abi.VERDICT_CLEARED); at += 16) v128.store(at, i64x2.splat(0));
  store<i32>(abi.VERDICT_SERVICE, -1);
  store<i32>(abi.VERDICT_TICKET, -1);
  store<i32>(abi.VERDICT_AUTHENTICATOR, -1);
  store<i32>(abi.VERDICT_SLOT, -1);
  store<i32>(abi.VERDICT_LIMIT, -1);
  store<i32>(abi.NONCE_LENGTH, 0);
}

/** REASON_NONE, or why the request is refused or, with `shadow`, would be; or VERIFICATION_NEEDED. */
function judge(nowMs: f64): i32 {
  if (image == 0 || !booted) return abi.REASON_POLICY_MISSING;
  limitKeysReset();
  credentialReset();
  const method = load<i32>(abi.REQUEST_METHOD);
  const flags = load<i32>(abi.REQUEST_FLAGS);
  let reason = findRoute(method);
  if (reason != abi.REASON_NONE) return reason;
  if ((flags & abi.FLAG_BODY) != 0 && (method == abi.METHOD_GET || method == abi.METHOD_HEAD)) return abi.REASON_BODY_REFUSED;
  const nowUs = <u64>(nowMs * 1000);
  if ((flags & abi.FLAG_PREFLIGHT) != 0 && method == abi.METHOD_OPTIONS) {
    // A preflight carries no credential (Fetch §4.8), so nobody's quota but the address's can be charged for it.
    return limitsHold(nowUs, true);
  }
  reason = authenticate(routeService, nowMs);
  if (reason == abi.VERIFICATION_NEEDED && !verificationTake(limitTable, nowUs)) return abi.REASON_VERIFICATION_LIMITED;
  if (reason != abi.REASON_NONE) return reason;
  const mode = load<u32>(services + <usize>routeService * abi.SERVICE_SIZE + abi.SERVICE_UNDOCUMENTED_MODE);
  // Only now: who is not authenticated shall not learn which operations there are.
  if (routeUndocumented && mode == abi.UNDOCUMENTED_REFUSE) return abi.REASON_OPERATION_UNKNOWN;
  if (!scopesSuffice(routeOperation, nowMs)) return grantEnded ? abi.REASON_GRANT_EXPIRED : abi.REASON_SCOPE_MISSING;
  if (!rolesSuffice(routeOperation, load<u32>(abi.VERDICT_ROLES))) return abi.REASON_ROLE_MISSING;
  if (!bindsHold(routeOperation)) return abi.REASON_OBJECT_NOT_OWNED;
  reason = limitsHold(nowUs, false);
  if (reason != abi.REASON_NONE || !routeUndocumented || mode != abi.UNDOCUMENTED_REPORT) return reason;
  shadow = true;
  return abi.REASON_OPERATION_UNKNOWN;
}

/** REASON_NONE, REASON_BLOCKED or REASON_RATE_LIMITED, with `shadow` when only a limit in shadow mode would have refused. */
function limitsHold(nowUs: u64, addressOnly: bool): i32 {
  if (!limitsTake(limitTable, routeOperation, nowUs, addressOnly)) return blockLimit < 0 ? abi.REASON_RATE_LIMITED : abi.REASON_BLOCKED;
  shadow = shadowLimit >= 0;
  return shadow ? abi.REASON_RATE_LIMITED : abi.REASON_NONE;
}

/**
 * A key in the query stands in logs and histories by now, so it is no credential, and it is shown wherever it comes with a
 * request that would pass; without any other credential it is why there is none.
 */
function queryJudge(reason: i32): i32 {
  if ((load<i32>(abi.REQUEST_FLAGS) & abi.FLAG_KEY_IN_QUERY) == 0) return reason;
  if (reason == abi.REASON_CREDENTIAL_MISSING) return abi.REASON_CREDENTIAL_IN_QUERY;
  if (reason != abi.REASON_NONE && !shadow) return reason;
  shadow = true;
  return abi.REASON_CREDENTIAL_IN_QUERY;
}

/** Normalizes the path and finds service and operation, which go into the verdict record. */
function findRoute(method: i32): i32 {
  const raw = load<i32>(abi.REQUEST_PATH_LENGTH);
  const length = path_normalize(raw);
  if (length < 0) {
    // For the event. What does not fit was not written: there stands an earlier request's path.
    store<i32>(abi.VERDICT_PATH_LENGTH, raw > abi.MAX_PATH ? 0 : raw);
    return -length;
  }
  store<i32>(abi.VERDICT_PATH_LENGTH, length);
  store<i32>(abi.VERDICT_PATH_CHANGED, pathChanged);
  const reason = routeMatch(method, length);
  store<i32>(abi.VERDICT_SERVICE, routeService);
  store<i32>(abi.VERDICT_OPERATION, routeOperation);
  return reason;
}

/** Counts the request, for its operation and its caller, and offers it to the sampler. */
function observe(verdict: i32, reason: i32, nowMs: f64): void {
  store<u64>(counter, load<u64>(counter) + 1);
  const id = siphash(secretLow, secretHigh, counter, 8);
  store<u64>(abi.VERDICT_EVENT_LOW, id);
  const operation = load<i32>(abi.VERDICT_OPERATION);
  // By what came before this request: a stratum chosen by the request itself would bias the sample.
  const hot = statsRequests(operation) >= <u32>abi.HOT_REQUESTS;
  statsCount(operation, verdict, reason);
  if (credentialAccepted) callerCount(operation, verdict == abi.VERDICT_REFUSE, nowMs);
  const stratum = (verdict << 1) | <i32>hot;
  const priority = 1 / uniform(id);
  const slot = sampleOffer(stratum, priority);
  if (slot < 0) return;
  eventFill(sampleRecord(slot), nowMs, stratum, verdict, priority);
  store<i32>(abi.VERDICT_TICKET, sampleTicket(slot));
}

/** u in (0, 1] from an event id: the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), its upper 53 bits. */
@inline
function uniform(id: u64): f64 {
  id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9;
  id = (id ^ (id >> 27)) * 0x94d049bb133111eb;
  id ^= id >> 31;
  return (<f64>(id >> 11) + 1) * 1.1102230246251565e-16; // 2^-53
}

/**
 * Writes back what became of a request.
 *
 * @param ticket VERDICT_TICKET
 * @param operation VERDICT_OPERATION; -1 = the upstream was not asked, or the policy is no longer in force: only the record
 * @param status what the caller got
 * @param failure REASON_UPSTREAM_*, else 0
 */
export function settle(ticket: i32, operation: i32, status: i32, failure: i32, latencyMs: f64, bytesIn: f64, bytesOut: f64): void {
  if (<u32>operation < <u32>abi.MAX_OPERATIONS) statsSettle(operation, status, failure, latencyMs, bytesIn, bytesOut);
  sampleSettle(ticket, status, latencyMs, bytesIn, bytesOut);
}

import * as abi from "../../wasm/abi.ts";
import { FAULT } from "../engine/engine.ts";
import type { VerdictRecord } from "../engine/verdict-record.ts";
import type { PolicyMeta, ServiceMeta } from "../policy/compiled.ts";
import { holdsKey } from "../policy/key-format.ts";
import { clientAddress, writeNetwork } from "./client-facts.ts";
import { allowOrigin, answerPreflight, isPreflight } from "./cors.ts";
import { effectiveScopes } from "./effective-scopes.ts";
import { type Fetches, forward, relay } from "./forward.ts";
import type { Isolate, RegionLink } from "./isolate.ts";
import type { KeyStore } from "./key-lookups.ts";
import { type LimitState, limitHeaders, refuse, statusOf } from "./problem.ts";
import { upstreamHeaders } from "./upstream-headers.ts";
import { type UrlParts, urlParts } from "./url-parts.ts";
import { decideAgain, isFound, renewKey, type Verified, verifyAsked } from "./verify-asked.ts";

export interface GatewayContext {
  isolate: Isolate;
  /** The region's object; called only where it is asked. */
  link: () => RegionLink;
  /** A service binding of the deployment by name, null = there is none. */
  binding: (name: string) => Fetches | null;
  execution: Pick<ExecutionContext, "waitUntil">;
  /** API keys that D1 keeps. */
  keyStore: KeyStore;
}

/** What is kept of a decision across the await of the upstream. */
interface Decision {
  meta: PolicyMeta;
  startMs: number;
  ticket: number;
  operation: number;
  reason: number;
  requestId: string;
  service: ServiceMeta | null;
  address: string | null;
  /** What the caller's next DPoP proof is to hold; "" = nothing new. */
  nonce: string;
}

/** The life of a gateway request: decide, then refuse or forward, then settle. Never throws for anything a caller sends. */
export async function handleGateway(request: Request, context: GatewayContext): Promise<Response> {
  const { isolate } = context;
  const startMs = Date.now();
  if (isolate.isStale(startMs)) await isolate.refresh(context.link(), startMs);
  let { meta } = isolate;
  if (meta === null) return refuseUnchecked(abi.REASON_POLICY_MISSING, null);

  const url = urlParts(request.url);
  const address = clientAddress(request.headers);
  writeRequest(isolate, meta, request, url, address);
  let verdict = isolate.engine.decide(startMs);
  isolate.scheduleReport(context.execution, context.link, startMs);
  // Once for each signature; and once more for each policy that came into force meanwhile.
  const found: Verified[] = [];
  while (verdict === abi.VERDICT_VERIFY && !isFound(isolate, found)) {
    found.push(await verifyAsked(isolate, context));
    meta = isolate.meta ?? meta;
    writeRequest(isolate, meta, request, url, address);
    verdict = decideAgain(isolate, found, Date.now());
  }
  if (verdict === FAULT) return handleFault(request, context, meta, url, address);

  const record = isolate.engine.verdict;
  if (record.keyAges) renewKey(isolate, context);
  const decision = decisionOf(record, meta, startMs, address);
  if (verdict === abi.VERDICT_VERIFY) return refuseUnverified(request, context, decision);
  if (verdict === abi.VERDICT_REFUSE) return refuseDecided(request, context, decision, record);
  const { service } = decision;
  if (service === null) return refuseUnchecked(abi.REASON_SERVICE_UNKNOWN, null);
  if (service.cors !== null && isPreflight(request)) return preflight(request, context, decision, service.cors);

  const limit = meta.announcesLimits ? announced(record, meta) : null;
  const target = (record.changedPath ?? url.path) + url.query;
  const headers = headersFor(request, decision, service, record, url);
  const forwarded = await forward(service, bindingOf(service, context), request, target, headers);
  if (!forwarded.ok) return failed(request, context, decision, forwarded.reason);
  const response = relay(forwarded.response, decision.requestId);
  if (decision.nonce !== "") response.headers.set("DPoP-Nonce", decision.nonce);
  settle(context, decision, response.status, 0, sizeOf(request.headers), sizeOf(response.headers));
  if (limit !== null) limitHeaders(response.headers, limit);
  if (service.cors !== null) allowOrigin(response.headers, service.cors, request.headers.get("origin"));
  return response;
}

function writeRequest(isolate: Isolate, meta: PolicyMeta, request: Request, url: UrlParts, address: string | null): void {
  const record = isolate.engine.request;
  record.method(request.method, flagsOf(request) | (holdsKey(url.query) ? abi.FLAG_KEY_IN_QUERY : 0));
  record.path(url.path);
  if (meta.usesHost) record.host(url.host);
  record.address(address);
  writeNetwork(record, request);
  for (const [slot, name] of meta.credentialHeaders.entries()) record.credential(slot, request.headers.get(name));
  for (const [slot, name] of meta.keyHeaders.entries()) record.keyHeader(slot, request.headers.get(name));
  if (meta.takesProofs) record.proof(request.headers.get("dpop"), url.proto, url.host);
}

function flagsOf(request: Request): number {
  const { method } = request;
  if (method === "GET" || method === "HEAD") return request.body === null || isEmpty(request.headers) ? 0 : abi.FLAG_BODY;
  return method === "OPTIONS" && isPreflight(request) ? abi.FLAG_PREFLIGHT : 0;
}

/** Some clients announce that they send nothing; a length says nothing beside Transfer-Encoding (RFC 9112 §6.3). */
function isEmpty(headers: Headers): boolean {
  return headers.get("content-length") === "0" && !headers.has("transfer-encoding");
}

function decisionOf(record: VerdictRecord, meta: PolicyMeta, startMs: number, address: string | null): Decision {
  return {
    meta,
    startMs,
    ticket: record.ticket,
    operation: record.operation,
    reason: record.reason,
    requestId: record.eventId,
    service: meta.services[record.service] ?? null,
    address,
    nonce: meta.takesProofs ? record.nonce : "",
  };
}

function headersFor(request: Request, decision: Decision, service: ServiceMeta, record: VerdictRecord, url: UrlParts): Headers {
  const takeOff = record.authenticated && !service.passCredential;
  return upstreamHeaders(request.headers, {
    address: decision.address,
    host: url.host,
    proto: url.proto,
    requestId: decision.requestId,
    principal: record.principal,
    scopes: effectiveScopes(record.scopes, record.roles, decision.meta.roles),
    credentials: takeOff ? judgedHeaders(decision.meta) : [],
  });
}

function judgedHeaders({ credentialHeaders, takesProofs }: PolicyMeta): readonly string[] {
  return takesProofs ? [...credentialHeaders, "dpop"] : credentialHeaders;
}

function refuseDecided(request: Request, context: GatewayContext, decision: Decision, record: VerdictRecord): Response {
  const { reason, requestId, service, meta, operation, nonce } = decision;
  const limit =
    reason === abi.REASON_RATE_LIMITED || reason === abi.REASON_BLOCKED
      ? limitOf(record, meta)
      : reason === abi.REASON_VERIFICATION_LIMITED
        ? verificationLimitOf(record, meta)
        : null;
  const response = refuse({ reason, requestId, service, scopes: meta.operations[operation]?.scopes ?? [], limit, nonce });
  settleOwn(context, decision, response.status);
  return withCors(response, request, service);
}

/** No decision could be reached about a signature: closed, and counted here, since the core counts decisions. */
function refuseUnverified(request: Request, context: GatewayContext, { service, operation }: Decision): Response {
  context.isolate.engine.count(operation, abi.VERDICT_REFUSE, abi.REASON_SIGNATURE_INVALID);
  return withCors(refuseUnchecked(abi.REASON_SIGNATURE_INVALID, service), request, service);
}

/** The limit that an admitted caller is to hear of: the one with least left, where it says so. */
function announced(record: VerdictRecord, meta: PolicyMeta): LimitState | null {
  return meta.limits[record.limit]?.announce === "always" && record.retryMs === 0 ? limitOf(record, meta) : null;
}

/** null: the limit is to be told to nobody. */
function limitOf(record: VerdictRecord, meta: PolicyMeta): LimitState | null {
  const limit = meta.limits[record.limit];
  if (limit === undefined || limit.announce === "never") return null;
  const { name, rate, windowSeconds } = limit;
  return { name, rate, windowSeconds, remaining: record.remaining, retryMs: record.retryMs, resetMs: record.resetMs };
}

function verificationLimitOf({ verifyAuthenticator, retryMs }: VerdictRecord, meta: PolicyMeta): LimitState | null {
  const authenticator = meta.authenticators[verifyAuthenticator];
  const allowed = authenticator?.verification ?? authenticator?.store;
  if (!allowed) return null;
  const { rate, windowSeconds } = allowed;
  return { name: "verifications", rate, windowSeconds, remaining: 0, retryMs, resetMs: retryMs };
}

function preflight(
  request: Request,
  context: GatewayContext,
  decision: Decision,
  cors: NonNullable<ServiceMeta["cors"]>,
): Response {
  settleOwn(context, decision, 204);
  return answerPreflight(cors, request.headers.get("origin") ?? "", decision.requestId);
}

function failed(request: Request, context: GatewayContext, decision: Decision, reason: number): Response {
  const { requestId, service } = decision;
  settle(context, decision, statusOf(reason), reason, sizeOf(request.headers), 0);
  return withCors(refuse({ reason, requestId, service, scopes: [], limit: null }), request, service);
}

/** Refusals must be readable by the pages that the policy allows, or a browser hides why. */
function withCors(response: Response, request: Request, service: ServiceMeta | null): Response {
  if (service !== null && service.cors !== null) allowOrigin(response.headers, service.cors, request.headers.get("origin"));
  return response;
}

/** Writes the outcome back. Indices of a policy that is no longer in force would name other operations, so they are left out. */
function settle(
  context: GatewayContext,
  decision: Decision,
  status: number,
  failure: number,
  bytesIn: number,
  bytesOut: number,
): void {
  const { engine, meta } = context.isolate;
  const operation = meta === decision.meta ? decision.operation : -1;
  engine.settle(decision.ticket, operation, status, failure, Date.now() - decision.startMs, bytesIn, bytesOut);
}

/** An answer of our own, which the upstream never saw: it completes the event, and stays out of the upstream's statuses and latencies. */
function settleOwn(context: GatewayContext, decision: Decision, status: number): void {
  context.isolate.engine.settle(decision.ticket, -1, status, 0, Date.now() - decision.startMs, 0, 0);
}

/** Content-Length, or 0 where the size is not known before the last byte. */
function sizeOf(headers: Headers): number {
  const length = Number(headers.get("content-length") ?? 0);
  return Number.isSafeInteger(length) && length > 0 ? length : 0;
}

/** The core is gone for this request: the service's fail mode says whether it passes unchecked or not at all. */
async function handleFault(
  request: Request,
  context: GatewayContext,
  meta: PolicyMeta,
  url: UrlParts,
  address: string | null,
): Promise<Response> {
  const service = meta.services.find((candidate) => serves(candidate, url)) ?? null;
  if (service === null || service.failMode === "closed" || !isPlain(url.path))
    return refuseUnchecked(abi.REASON_CORE_FAULT, service);
  const requestId = randomId();
  const headers = upstreamHeaders(request.headers, {
    address,
    host: url.host,
    proto: url.proto,
    requestId,
    principal: "",
    scopes: "",
    credentials: [],
  });
  const forwarded = await forward(service, bindingOf(service, context), request, url.path + url.query, headers);
  if (!forwarded.ok) return refuse({ reason: forwarded.reason, requestId, service, scopes: [], limit: null });
  return relay(forwarded.response, requestId);
}

/** Without the core nothing normalizes the path, so one that an upstream might read in another way does not pass. */
function isPlain(path: string): boolean {
  return /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~!$&'()*+,=:@-]+)*\/?$/.test(path);
}

function serves(service: ServiceMeta, url: UrlParts): boolean {
  if (service.host !== null && service.host !== url.host.toLowerCase().replace(/:\d+$/, "")) return false;
  return service.prefix === "/" || url.path === service.prefix || url.path.startsWith(`${service.prefix}/`);
}

function bindingOf(service: ServiceMeta, context: GatewayContext): Fetches | null {
  return service.upstream.kind === "binding" ? context.binding(service.upstream.name) : null;
}

function refuseUnchecked(reason: number, service: ServiceMeta | null): Response {
  return refuse({ reason, requestId: randomId(), service, scopes: [], limit: null });
}

function randomId(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

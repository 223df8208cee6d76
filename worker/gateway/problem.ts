import * as abi from "../../wasm/abi.ts";
import { reasonNames } from "../engine/names.ts";
import { type Challenged, challenge } from "./challenge.ts";

interface Kind {
  status: number;
  title: string;
}

const invalidToken: Kind = { status: 401, title: "The access token is not valid" };

const kinds = new Map<number, Kind>([
  [abi.REASON_PATH_AMBIGUOUS, { status: 400, title: "The path can be read in more than one way" }],
  [abi.REASON_PATH_TOO_LONG, { status: 400, title: `The path is longer than ${abi.MAX_PATH} bytes` }],
  [abi.REASON_CREDENTIAL_TOO_LARGE, { status: 400, title: `The credential is longer than ${abi.MAX_TOKEN} bytes` }],
  [abi.REASON_METHOD_UNSUPPORTED, { status: 405, title: "The method is not supported" }],
  [abi.REASON_SERVICE_UNKNOWN, { status: 404, title: "No service answers at this path" }],
  [abi.REASON_OPERATION_UNKNOWN, { status: 404, title: "The service has no such operation" }],
  [abi.REASON_CREDENTIAL_MISSING, { status: 401, title: "A credential is needed" }],
  [abi.REASON_TOKEN_EXPIRED, { status: 401, title: "The access token has expired" }],
  [abi.REASON_API_KEY_UNKNOWN, { status: 401, title: "The API key is not valid" }],
  [abi.REASON_API_KEY_EXPIRED, { status: 401, title: "The API key is not valid" }],
  [abi.REASON_SCOPE_MISSING, { status: 403, title: "The credential does not cover this operation" }],
  [abi.REASON_ROLE_MISSING, { status: 403, title: "The caller has no role that covers this operation" }],
  [abi.REASON_OBJECT_NOT_OWNED, { status: 403, title: "The object is not the caller's own" }],
  [abi.REASON_DEVICE_QUARANTINED, { status: 403, title: "The device is quarantined" }],
  [abi.REASON_GRANT_EXPIRED, { status: 403, title: "The time for which the operation was granted is over" }],
  [abi.REASON_PROOF_MISSING, { status: 401, title: "Possession of the access token's key is not proven" }],
  [abi.REASON_PROOF_INVALID, { status: 401, title: "The DPoP proof is not valid" }],
  [abi.REASON_PROOF_REPLAYED, { status: 401, title: "The DPoP proof was used before" }],
  [abi.REASON_CERTIFICATE_MISMATCH, { status: 401, title: "The access token is not bound to this client certificate" }],
  [abi.REASON_NONCE_REQUIRED, { status: 401, title: "The DPoP proof needs the nonce that comes with this answer" }],
  [abi.REASON_ADDRESS_NOT_ALLOWED, { status: 403, title: "The API key may not be used from this address" }],
  [
    abi.REASON_CREDENTIAL_IN_QUERY,
    { status: 401, title: "A credential is needed, in its header: what stands in the query is not taken" },
  ],
  [abi.REASON_RATE_LIMITED, { status: 429, title: "Too many requests" }],
  [abi.REASON_BLOCKED, { status: 429, title: "Too many refused requests: blocked for a while" }],
  [abi.REASON_LIMIT_UNREACHABLE, { status: 503, title: "The request could not be counted" }],
  [abi.REASON_VERIFICATION_LIMITED, { status: 429, title: "Too many new credentials from this address" }],
  [abi.REASON_KEYS_UNAVAILABLE, { status: 503, title: "The keys to check the credential with cannot be fetched" }],
  [abi.REASON_BODY_REFUSED, { status: 400, title: "A GET or HEAD request must not carry a body" }],
  [abi.REASON_UPSTREAM_UNREACHABLE, { status: 502, title: "The upstream could not be reached" }],
  [abi.REASON_UPSTREAM_TIMEOUT, { status: 504, title: "The upstream did not answer in time" }],
  [abi.REASON_POLICY_MISSING, { status: 503, title: "No policy is in force yet" }],
  [abi.REASON_CORE_FAULT, { status: 503, title: "The request could not be checked" }],
]);

/** Status of a refusal, by REASON_*. */
export function statusOf(reason: number): number {
  return (kinds.get(reason) ?? invalidToken).status;
}

/**
 * The code that the caller is told. What is wrong inside a credential goes to the event alone: a caller needs to know
 * whether to fetch a new token, an attacker would like to know which part to forge (RFC 6750 §3.1 names one error for all).
 */
function publicCode(reason: number): string {
  if (reason === abi.REASON_API_KEY_UNKNOWN || reason === abi.REASON_API_KEY_EXPIRED) return "api_key_invalid";
  return kinds.has(reason) ? (reasonNames[reason] ?? "") : "token_invalid";
}

export interface LimitState {
  name: string;
  /** Requests per window, and the window. */
  rate: number;
  windowSeconds: number;
  remaining: number;
  retryMs: number;
  resetMs: number;
}

export interface Refusal extends Challenged {
  requestId: string;
  limit: LimitState | null;
  /** For the caller's next DPoP proof; "" or none = it needs none. */
  nonce?: string;
}

/** A refusal as RFC 9457 problem details, with the header that its status asks for. Codes are listed in the README. */
export function refuse(refusal: Refusal): Response {
  const { status, title } = kinds.get(refusal.reason) ?? invalidToken;
  const code = publicCode(refusal.reason);
  const headers = new Headers({
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    "X-Request-Id": refusal.requestId,
  });
  if (status === 401 || status === 403) headers.set("WWW-Authenticate", challenge(refusal, status));
  if (refusal.nonce) headers.set("DPoP-Nonce", refusal.nonce);
  if (status === 429 && refusal.limit !== null) {
    headers.set("Retry-After", String(Math.max(1, Math.ceil(refusal.limit.retryMs / 1000)))); // RFC 9110 §10.2.3
    limitHeaders(headers, refusal.limit);
  }
  const body = { type: `urn:picket:problem:${code}`, title, status, code, request_id: refusal.requestId };
  return new Response(JSON.stringify(body), { status, headers });
}

/** draft-ietf-httpapi-ratelimit-headers: q per w seconds, r left, t seconds to reset. */
export function limitHeaders(headers: Headers, limit: LimitState): void {
  headers.set("RateLimit-Policy", `"${limit.name}";q=${limit.rate};w=${limit.windowSeconds}`);
  headers.set("RateLimit", `"${limit.name}";r=${limit.remaining};t=${Math.max(1, Math.ceil(limit.resetMs / 1000))}`);
}

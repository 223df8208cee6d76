import * as abi from "../../wasm/abi.ts";
import { algorithms, isSymmetric } from "../policy/algorithms.ts";
import type { ServiceMeta } from "../policy/compiled.ts";

export interface Challenged {
  reason: number;
  service: ServiceMeta | null;
  /** Scopes that the operation needs. */
  scopes: readonly string[];
}

const ofNoCredential = new Set<number>([
  abi.REASON_OBJECT_NOT_OWNED,
  abi.REASON_DEVICE_QUARANTINED,
  abi.REASON_ADDRESS_NOT_ALLOWED,
]);

/** What a DPoP proof may be signed with (RFC 9449 §7.1). */
const algs = algorithms.filter((name) => !isSymmetric(name)).join(" ");

/** The value of WWW-Authenticate: one challenge for each scheme that the service takes (RFC 6750 §3, RFC 9449 §7.1, §7.2). */
export function challenge({ reason, service, scopes }: Challenged, status: number): string {
  const error = errorOf(reason, status, scopes);
  const isAboutProof = reason === abi.REASON_NONCE_REQUIRED || isProofError(reason);
  return schemesOf(service, isAboutProof)
    .map((scheme) => `${scheme}${error}`)
    .join(", ");
}

/** The scheme for API keys has no registered name. */
function schemesOf(service: ServiceMeta | null, isAboutProof: boolean): string[] {
  const dpop = service?.dpop ?? "none";
  const bearer = (service?.bearer ?? true) && dpop !== "required" && !isAboutProof;
  const schemes = [
    ...(bearer ? ['Bearer realm="picket"'] : []),
    ...(dpop === "none" ? [] : [`DPoP realm="picket", algs="${algs}"`]),
  ];
  return schemes.length > 0 ? schemes : ['ApiKey realm="picket"'];
}

function isProofError(reason: number): boolean {
  return reason === abi.REASON_PROOF_INVALID || reason === abi.REASON_PROOF_REPLAYED;
}

/** RFC 6750 §3: no error code when nothing was presented. */
function errorOf(reason: number, status: number, scopes: readonly string[]): string {
  if (reason === abi.REASON_CREDENTIAL_MISSING || reason === abi.REASON_CREDENTIAL_IN_QUERY) return "";
  if (reason === abi.REASON_NONCE_REQUIRED) return ', error="use_dpop_nonce"'; // RFC 9449 §9
  if (isProofError(reason)) return ', error="invalid_dpop_proof"';
  // No other credential of this caller would do, so there is no error of RFC 6750 to name.
  if (ofNoCredential.has(reason)) return "";
  if (reason === abi.REASON_ROLE_MISSING) return ', error="insufficient_scope"'; // and no scope would make up for it
  if (status === 403) return `, error="insufficient_scope", scope="${scopes.join(" ")}"`;
  return ', error="invalid_token"';
}

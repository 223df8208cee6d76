import * as abi from "../../wasm/abi.ts";

/** Stable codes by REASON_*: what problem+json, events and the console say. "" = nothing to say. */
export const reasonNames: readonly string[] = (() => {
  const names: string[] = new Array(abi.REASON_COUNT).fill("");
  names[abi.REASON_PATH_AMBIGUOUS] = "path_ambiguous";
  names[abi.REASON_PATH_TOO_LONG] = "path_too_long";
  names[abi.REASON_CREDENTIAL_TOO_LARGE] = "credential_too_large";
  names[abi.REASON_METHOD_UNSUPPORTED] = "method_unsupported";
  names[abi.REASON_SERVICE_UNKNOWN] = "service_unknown";
  names[abi.REASON_OPERATION_UNKNOWN] = "operation_unknown";
  names[abi.REASON_CREDENTIAL_MISSING] = "credential_missing";
  names[abi.REASON_TOKEN_MALFORMED] = "token_malformed";
  names[abi.REASON_CLAIMS_MALFORMED] = "claims_malformed";
  names[abi.REASON_ALGORITHM_REFUSED] = "algorithm_refused";
  names[abi.REASON_ISSUER_UNKNOWN] = "issuer_unknown";
  names[abi.REASON_KEY_UNKNOWN] = "key_unknown";
  names[abi.REASON_SIGNATURE_INVALID] = "signature_invalid";
  names[abi.REASON_TOKEN_EXPIRED] = "token_expired";
  names[abi.REASON_TOKEN_NOT_YET_VALID] = "token_not_yet_valid";
  names[abi.REASON_TOKEN_WITHOUT_EXPIRY] = "token_without_expiry";
  names[abi.REASON_AUDIENCE_MISMATCH] = "audience_mismatch";
  names[abi.REASON_API_KEY_UNKNOWN] = "api_key_unknown";
  names[abi.REASON_API_KEY_EXPIRED] = "api_key_expired";
  names[abi.REASON_SUBJECT_MISMATCH] = "subject_mismatch";
  names[abi.REASON_SCOPE_MISSING] = "scope_missing";
  names[abi.REASON_RATE_LIMITED] = "rate_limited";
  names[abi.REASON_BODY_REFUSED] = "body_refused";
  names[abi.REASON_UPSTREAM_UNREACHABLE] = "upstream_unreachable";
  names[abi.REASON_UPSTREAM_TIMEOUT] = "upstream_timeout";
  names[abi.REASON_POLICY_MISSING] = "policy_missing";
  names[abi.REASON_CORE_FAULT] = "core_fault";
  names[abi.REASON_OBJECT_NOT_OWNED] = "object_not_owned";
  names[abi.REASON_ROLE_MISSING] = "role_missing";
  names[abi.REASON_DEVICE_QUARANTINED] = "device_quarantined";
  names[abi.REASON_ADDRESS_NOT_ALLOWED] = "address_not_allowed";
  names[abi.REASON_CREDENTIAL_IN_QUERY] = "credential_in_query";
  names[abi.REASON_TOKEN_TOO_OLD] = "token_too_old";
  names[abi.REASON_LIFETIME_TOO_LONG] = "token_lifetime_too_long";
  names[abi.REASON_TYPE_REFUSED] = "token_type_refused";
  names[abi.REASON_VERIFICATION_LIMITED] = "verification_limited";
  names[abi.REASON_KEYS_UNAVAILABLE] = "keys_unavailable";
  names[abi.REASON_REVOKED] = "revoked";
  names[abi.REASON_GRANT_EXPIRED] = "grant_expired";
  names[abi.REASON_PROOF_MISSING] = "proof_missing";
  names[abi.REASON_PROOF_INVALID] = "proof_invalid";
  names[abi.REASON_PROOF_REPLAYED] = "proof_replayed";
  names[abi.REASON_CERTIFICATE_MISMATCH] = "certificate_mismatch";
  names[abi.REASON_BLOCKED] = "blocked";
  names[abi.REASON_LIMIT_UNREACHABLE] = "limit_unreachable";
  names[abi.REASON_NONCE_REQUIRED] = "nonce_required";
  return names;
})();

export const verdictNames = ["allow", "refuse", "shadow"] as const;

export const kindNames = ["", "user", "service", "device", "agent", "partner"] as const;

export const methodNames: readonly string[] = ["OTHER", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Why image_load or overlay_load refused, by LOAD_*. */
export const loadNames: readonly string[] = [
  "ok",
  "image_too_short",
  "image_bad_magic",
  "image_wrong_abi",
  "image_bad_length",
  "image_bad_checksum",
  "image_bad_section",
  "image_bad_reference",
  "image_bad_value",
  "image_bad_order",
];

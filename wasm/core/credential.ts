// What the credential that was accepted last says of itself, for the account of callers: never the credential, only what names it.
import * as abi from "../abi";
import { cwtIssuedMs } from "./cwt-claims";
import { tokenIssuedMs } from "./jwt";

let type: i32 = 0; // AUTH_*

/** An API key's id, a token's kid; length 0 = nothing names it. */
export let credentialAddress: usize = 0;
export let credentialLength: i32 = 0;
/** Infinity = never. */
export let credentialExpiresMs: f64 = Infinity;
/** Those that the credential carries itself: VERDICT_SCOPES may come to hold more by a grant. */
export let credentialScopes: usize = 0;
export let credentialScopesLength: i32 = 0;

/** Called once the caller stands in the verdict record. */
export function credentialSet(authType: i32, address: usize, length: i32, expiresMs: f64): void {
  type = authType;
  credentialAddress = address;
  credentialLength = max(length, 0);
  credentialExpiresMs = expiresMs;
  credentialScopes = load<usize>(abi.VERDICT_SCOPES);
  credentialScopesLength = load<i32>(abi.VERDICT_SCOPES_LENGTH);
}

/** NaN = it does not say. Read only when it is asked for, and only until the next token is parsed. */
export function credentialIssuedMs(): f64 {
  return type == abi.AUTH_JWT ? tokenIssuedMs() : type == abi.AUTH_CWT ? cwtIssuedMs : NaN;
}

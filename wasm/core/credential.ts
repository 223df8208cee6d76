// What the credential that was accepted says of itself, for the account of callers: never the credential, only what names it.
import * as abi from "../abi";

/** This request's caller is who it says it is, whether or not it is then let pass. */
export let credentialAccepted: bool = false;
/** An API key's id, a token's kid; length 0 = nothing names it. */
export let credentialAddress: usize = 0;
export let credentialLength: i32 = 0;
/** NaN = it does not say. */
export let credentialIssuedMs: f64 = NaN;
/** Infinity = never. */
export let credentialExpiresMs: f64 = Infinity;
/** Those that the credential carries itself: VERDICT_SCOPES may come to hold more by a grant. */
export let credentialScopes: usize = 0;
export let credentialScopesLength: i32 = 0;
/** What a token claims of its device's firmware; length 0 = nothing. */
export let credentialFirmware: usize = 0;
export let credentialFirmwareLength: i32 = 0;

/** A new request. */
export function credentialReset(): void {
  credentialAccepted = false;
}

/** Called once the caller stands in the verdict record; its firmware is said by credentialFirmwareSet. */
export function credentialSet(address: usize, length: i32, issuedMs: f64, expiresMs: f64): void {
  credentialAccepted = true;
  credentialAddress = address;
  credentialLength = max(length, 0);
  credentialIssuedMs = issuedMs;
  credentialExpiresMs = expiresMs;
  credentialScopes = load<usize>(abi.VERDICT_SCOPES);
  credentialScopesLength = load<i32>(abi.VERDICT_SCOPES_LENGTH);
  credentialFirmwareLength = 0;
}

/** At most CALLER_FIRMWARE_SIZE bytes. */
@inline
export function credentialFirmwareSet(address: usize, length: i32): void {
  credentialFirmware = address;
  credentialFirmwareLength = length;
}

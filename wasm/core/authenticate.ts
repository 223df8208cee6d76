// Who calls. The first of the service's authenticators that claims the credential judges it; what it refuses no other may
// accept, so that a weak authenticator never rescues what a strict one turned down.
import * as abi from "../abi";
import {
  apiKeyAges, apiKeyAsk, apiKeyExpiresMs, apiKeyId, apiKeyIdLength, apiKeyJudge, apiKeyKind, apiKeyMadeMs, apiKeyNetworks, apiKeyNetworksLength, apiKeyRoles,
  apiKeyScopes, apiKeyScopesLength,
} from "./api-key";
import { expiryMs, issuedMs, keyIdAddress, keyIdLength, tokenIdAddress, tokenIdLength } from "./claims";
import { confirmation, confirmationSet } from "./confirmation";
import { sign1Write } from "./cose-sign1";
import { credentialFirmwareSet, credentialSet } from "./credential";
import { cwtJudge, cwtParse, token, tokenEnd, tokenType } from "./cwt";
import { firmwareAddress, firmwareLength } from "./firmware";
import { authenticators, refAt, services } from "./image";
import { principalAddress, principalLength, scopesAddress, scopesLength, tokenIssuerIs, tokenJudge, tokenParse, verificationWrite } from "./jwt";
import { addressAllowed } from "./networks";
import { overlayKinds } from "./overlay";
import { possessionJudge } from "./possession";
import { overlayJudge } from "./revocations";
import { tokenRoles } from "./roles";
import { signatureReset } from "./token-cache";
import { factsAre, factsKeep, factsRead, factsRecall, factsRoles } from "./token-facts";

/**
 * Authenticates the request for a service and writes VERDICT_AUTHENTICATOR, _KIND, _SLOT, _PRINCIPAL, _SCOPES and _ROLES
 * where it succeeds, or fails for no other reason than a revocation, a quarantine, a missing proof of possession or an API key's
 * allow-list. A service without authenticators is public.
 *
 * @returns REASON_*, or VERIFICATION_NEEDED and what is to be verified in the verdict record
 */
export function authenticate(service: i32, nowMs: f64): i32 {
  const record = services + <usize>service * abi.SERVICE_SIZE;
  const first = load<i32>(record + abi.SERVICE_AUTHS_FIRST);
  const count = load<i32>(record + abi.SERVICE_AUTHS_COUNT);
  if (count == 0) return abi.REASON_NONE;
  let parsedSlot = -1;
  let parsedType = -1;
  let isKnown = false; // there are facts about the token, and it was not parsed
  let missing = abi.REASON_CREDENTIAL_MISSING;
  for (let i = 0; i < count; i++) {
    const authenticator = refAt(first + i);
    const auth = authenticators + <usize>authenticator * abi.AUTH_SIZE;
    const slot = load<i32>(auth + abi.AUTH_SLOT);
    const length = load<i32>(abi.REQUEST_CREDENTIAL_LENGTHS + (slot << 2));
    if (length <= 0) continue;
    if (length > abi.MAX_TOKEN) return abi.REASON_CREDENTIAL_TOO_LARGE;
    const type = load<i32>(auth + abi.AUTH_TYPE);
    if (type == abi.AUTH_API_KEY) return acceptApiKey(authenticator, auth, slot, length, nowMs);
    if (slot != parsedSlot) {
      const found = tokenType(slot, length);
      if (found < 0) continue; // not a bearer token: another scheme's credential
      if (found != type) { // the other kind of token
        if (missing == abi.REASON_CREDENTIAL_MISSING) missing = abi.REASON_TOKEN_MALFORMED;
        continue;
      }
      isKnown = factsRecall(token, tokenEnd, authenticator, nowMs);
      const reason = isKnown ? abi.REASON_NONE : type == abi.AUTH_CWT ? cwtParse() : tokenParse(slot);
      if (reason != abi.REASON_NONE) return reason;
      parsedSlot = slot;
      parsedType = type;
    }
    if (type == parsedType && tokenIssuerIs(authenticator)) {
      if (!isKnown) return acceptToken(authenticator, auth, slot, nowMs);
      return factsAre(authenticator) ? acceptKnown(authenticator, auth, slot, nowMs) : acceptKnownElsewhere(authenticator, auth, slot, length, nowMs);
    }
    missing = abi.REASON_ISSUER_UNKNOWN;
  }
  return missing;
}

function acceptToken(authenticator: i32, auth: usize, slot: i32, nowMs: f64): i32 {
  signatureReset();
  const isCwt = load<i32>(auth + abi.AUTH_TYPE) == abi.AUTH_CWT;
  const reason = isCwt ? cwtJudge(authenticator, nowMs) : tokenJudge(authenticator, nowMs);
  if (reason == abi.VERIFICATION_NEEDED) {
    if (isCwt) sign1Write(slot, authenticator);
    else verificationWrite(slot, authenticator);
  }
  if (reason != abi.REASON_NONE) return reason;
  const roles = tokenRoles(auth);
  if (confirmation == 0) factsKeep(auth, authenticator, roles, nowMs); // what a bound token is bound to is no part of the facts
  return acceptCaller(authenticator, auth, slot, roles, nowMs);
}

/** A token that was judged before, under this policy and to this end. */
@inline
function acceptKnown(authenticator: i32, auth: usize, slot: i32, nowMs: f64): i32 {
  factsRead(auth, nowMs);
  confirmationSet(0);
  return acceptCaller(authenticator, auth, slot, factsRoles(), nowMs);
}

/** A token that was judged before, for another authenticator of its issuer. */
function acceptKnownElsewhere(authenticator: i32, auth: usize, slot: i32, length: i32, nowMs: f64): i32 {
  const reason = tokenType(slot, length) == abi.AUTH_CWT ? cwtParse() : tokenParse(slot);
  return reason == abi.REASON_NONE ? acceptToken(authenticator, auth, slot, nowMs) : reason;
}

/** Nothing but a revocation stands against the token that was judged. */
function acceptCaller(authenticator: i32, auth: usize, slot: i32, roles: u32, nowMs: f64): i32 {
  writeCaller(authenticator, slot, load<i32>(auth + abi.AUTH_KIND));
  writePrincipal(principalAddress, principalLength, scopesAddress, scopesLength);
  store<u32>(abi.VERDICT_ROLES, roles);
  const revoked = overlayKinds == 0 ? abi.REASON_NONE : overlayJudge(abi.REVOKED_TOKEN, tokenIdAddress, tokenIdLength, issuedMs, nowMs);
  // Possession comes last, because it may cost a verification, and uses a proof up.
  const reason = revoked == abi.REASON_NONE ? possessionJudge(authenticator, slot, nowMs) : revoked;
  // Who could not prove to hold a bound token may be anybody: it is not the caller's account that this goes to.
  if (reason == abi.REASON_NONE || confirmation == 0) {
    credentialSet(keyIdAddress, keyIdLength, issuedMs, expiryMs);
    credentialFirmwareSet(firmwareAddress, firmwareLength);
  }
  return reason;
}

function acceptApiKey(authenticator: i32, auth: usize, slot: i32, length: i32, nowMs: f64): i32 {
  const reason = apiKeyJudge(slot, length, authenticator, nowMs);
  if (reason == abi.VERIFICATION_NEEDED) apiKeyAsk(slot, authenticator);
  if (reason != abi.REASON_NONE) return reason;
  writeCaller(authenticator, slot, apiKeyKind != abi.KIND_NONE ? apiKeyKind : load<i32>(auth + abi.AUTH_KIND));
  store<u32>(abi.VERDICT_ROLES, apiKeyRoles);
  writePrincipal(apiKeyId, apiKeyIdLength, apiKeyScopes, apiKeyScopesLength);
  credentialSet(apiKeyId, apiKeyIdLength, apiKeyMadeMs, apiKeyExpiresMs == 0 ? Infinity : apiKeyExpiresMs);
  if (apiKeyAges) {
    apiKeyAsk(slot, authenticator);
    store<i32>(abi.VERDICT_KEY_AGES, 1);
  }
  const revoked = overlayKinds == 0 ? abi.REASON_NONE : overlayJudge(abi.REVOKED_CREDENTIAL, apiKeyId, apiKeyIdLength, apiKeyMadeMs, nowMs);
  if (revoked != abi.REASON_NONE) return revoked;
  return addressAllowed(apiKeyNetworks, apiKeyNetworksLength) ? abi.REASON_NONE : abi.REASON_ADDRESS_NOT_ALLOWED;
}

@inline
function writeCaller(authenticator: i32, slot: i32, kind: i32): void {
  store<i32>(abi.VERDICT_AUTHENTICATOR, authenticator);
  store<i32>(abi.VERDICT_KIND, kind);
  store<i32>(abi.VERDICT_SLOT, slot);
}

@inline
function writePrincipal(principal: usize, length: i32, scopes: usize, scopesLength: i32): void {
  store<u32>(abi.VERDICT_PRINCIPAL, principal);
  store<i32>(abi.VERDICT_PRINCIPAL_LENGTH, length);
  store<u32>(abi.VERDICT_SCOPES, scopes);
  store<i32>(abi.VERDICT_SCOPES_LENGTH, scopesLength);
}

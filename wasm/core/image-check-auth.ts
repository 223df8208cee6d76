// What an image says of authenticators and their keys (image-check.ts).
import * as abi from "../abi";
import { SIGN1_ALGORITHMS } from "./cose-message";
import { countOf, isString, isStringOrNone, listFits, rangeFits, sectionOf, textAt, textLength } from "./image-sections";
import { areNetworks } from "./networks";
import { isRate } from "./rate";
import { bytesOrder } from "./text";

const ALGORITHMS: u32 = ((1 << abi.ALG_COUNT) - 1) | (1 << abi.ALG_HMAC_256_64) | (1 << abi.ALG_HMAC_256_256);

/** One secret, and no signatures: their claims are judged before anybody has looked at the key's id, by which a device is named. */
function isDerivable(auth: usize): bool {
  return load<u32>(auth + abi.AUTH_KEYS_COUNT) != 0 && (load<u32>(auth + abi.AUTH_ALGORITHMS) & SIGN1_ALGORITHMS) == 0;
}

export function checkAuthenticators(): i32 {
  const n = countOf(abi.SECTION_AUTHENTICATORS);
  let at = sectionOf(abi.SECTION_AUTHENTICATORS);
  for (let i: u32 = 0; i < n; i++, at += abi.AUTH_SIZE) {
    const claims = load<u32>(at + abi.AUTH_CLAIMS_COUNT);
    const flags = load<u32>(at + abi.AUTH_FLAGS);
    if (
      load<u32>(at + abi.AUTH_TYPE) > <u32>abi.AUTH_CWT ||
      load<u32>(at + abi.AUTH_SLOT) >= <u32>abi.CREDENTIAL_SLOTS ||
      (load<u32>(at + abi.AUTH_ALGORITHMS) & ~ALGORITHMS) != 0 ||
      load<u32>(at + abi.AUTH_KIND) > <u32>abi.KIND_PARTNER ||
      load<u32>(at + abi.AUTH_TOLERANCE_S) > 86400 ||
      claims > <u32>abi.MAX_CUSTOM_CLAIMS ||
      load<u32>(at + abi.AUTH_ROLES_COUNT) > <u32>abi.MAX_ROLES ||
      !isPossession(at, flags) ||
      ((flags & abi.AUTH_STORED) != 0 && load<u32>(at + abi.AUTH_TYPE) != abi.AUTH_API_KEY) ||
      ((load<u32>(at + abi.AUTH_TYPE) != abi.AUTH_API_KEY || (flags & abi.AUTH_STORED) != 0) && !isRate(at + abi.AUTH_VERIFY_INTERVAL_US)) ||
      ((flags & abi.AUTH_DERIVED) != 0 && !isDerivable(at))
    ) return abi.LOAD_BAD_VALUE;
    if (
      !isStringOrNone(load<i32>(at + abi.AUTH_ISSUER)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_SCOPES)) ||
      !isString(load<i32>(at + abi.AUTH_NAME)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_TYP)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_ENVIRONMENT)) ||
      !listFits(load<u32>(at + abi.AUTH_AUDIENCES_FIRST), load<u32>(at + abi.AUTH_AUDIENCES_COUNT), abi.SECTION_STRINGS) ||
      !rangeFits(load<u32>(at + abi.AUTH_KEYS_FIRST), load<u32>(at + abi.AUTH_KEYS_COUNT), abi.SECTION_HMAC_KEYS) ||
      !listFits(load<u32>(at + abi.AUTH_CLAIMS_FIRST), claims, abi.SECTION_STRINGS) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_ROLES_CLAIM)) ||
      !isStringOrNone(load<i32>(at + abi.AUTH_FIRMWARE)) ||
      !listFits(load<u32>(at + abi.AUTH_ROLES_FIRST), load<u32>(at + abi.AUTH_ROLES_COUNT), abi.SECTION_STRINGS)
    ) return abi.LOAD_BAD_REFERENCE;
  }
  return abi.LOAD_OK;
}

/** Known flags that agree, and a proof's age that keeps dates whole numbers of 32 bits. */
function isPossession(at: usize, flags: u32): bool {
  if ((flags & ~(abi.AUTH_DERIVED | abi.AUTH_EXPIRY_OPTIONAL | abi.AUTH_POSSESSION | abi.AUTH_STORED)) != 0) return false;
  const age = load<u32>(at + abi.AUTH_PROOF_AGE_S);
  if ((flags & abi.AUTH_DPOP) == 0) return age == 0 && (flags & (abi.AUTH_DPOP_REQUIRED | abi.AUTH_DPOP_NONCE)) == 0;
  return age >= 1 && age <= 86400;
}

export function checkHmacKeys(): i32 {
  const n = countOf(abi.SECTION_HMAC_KEYS);
  let at = sectionOf(abi.SECTION_HMAC_KEYS);
  for (let i: u32 = 0; i < n; i++, at += abi.HMAC_KEY_SIZE) {
    if (!isStringOrNone(load<i32>(at + abi.HMAC_KEY_KID))) return abi.LOAD_BAD_REFERENCE;
  }
  return abi.LOAD_OK;
}

export function checkApiKeys(): i32 {
  const n = countOf(abi.SECTION_API_KEYS);
  let at = sectionOf(abi.SECTION_API_KEYS);
  for (let i: u32 = 0; i < n; i++, at += abi.API_KEY_SIZE) {
    if (
      load<u32>(at + abi.API_KEY_AUTHENTICATOR) >= countOf(abi.SECTION_AUTHENTICATORS) ||
      !isString(load<i32>(at + abi.API_KEY_ID)) ||
      !isStringOrNone(load<i32>(at + abi.API_KEY_SCOPES)) ||
      !isStringOrNone(load<i32>(at + abi.API_KEY_NETWORKS))
    ) return abi.LOAD_BAD_REFERENCE;
    const expires = load<f64>(at + abi.API_KEY_EXPIRES_MS);
    if (load<u32>(at + abi.API_KEY_KIND) > <u32>abi.KIND_PARTNER || !(expires >= 0 && expires < Infinity)) return abi.LOAD_BAD_VALUE;
    const networks = load<i32>(at + abi.API_KEY_NETWORKS);
    if (networks >= 0 && !areNetworks(textAt(networks), textLength(networks))) return abi.LOAD_BAD_VALUE;
    if (i > 0 && !apiKeyPrecedes(at - abi.API_KEY_SIZE, at)) return abi.LOAD_BAD_ORDER;
  }
  return abi.LOAD_OK;
}

function apiKeyPrecedes(a: usize, b: usize): bool {
  const order = bytesOrder(a + abi.API_KEY_DIGEST, b + abi.API_KEY_DIGEST, 32);
  if (order != 0) return order < 0;
  return load<u32>(a + abi.API_KEY_AUTHENTICATOR) < load<u32>(b + abi.API_KEY_AUTHENTICATOR);
}

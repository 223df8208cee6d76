// What a caller's record says of its newest credential.
import * as abi from "../abi";
import {
  credentialAddress, credentialExpiresMs, credentialFirmware, credentialFirmwareLength, credentialIssuedMs, credentialLength, credentialScopes,
  credentialScopesLength,
} from "./credential";
import { cut } from "./event";
import { bytesEqual, textCopy } from "./text";

/** Where the record's last address stands. */
@inline
export function callerAddress(record: usize): usize {
  return record + abi.CALLER_PRINCIPAL + whole(load<u16>(record, abi.CALLER_PRINCIPAL_LENGTH));
}

@inline
function firmwareAt(record: usize): usize {
  return callerAddress(record) + abi.CALLER_ADDRESS_SIZE;
}

/** Where the credential's name stands, and behind it its scopes. */
@inline
function credentialAt(record: usize): usize {
  return firmwareAt(record) + abi.CALLER_FIRMWARE_SIZE;
}

@inline
function whole(length: usize): usize {
  return (length + 15) & ~15;
}

/** Writes what the credential of the request in hand says, unless it says what the last one did. */
@inline
export function credentialNote(record: usize): void {
  if (load<f64>(record, abi.CALLER_EXPIRES_MS) == credentialExpiresMs && isSame(record)) return;
  write(record);
}

/** iat is not compared: it would have to be read each time, and of two credentials that end together either may stand for both. */
@inline
function isSame(record: usize): bool {
  const name = credentialAt(record);
  const nameLength = <i32>load<u8>(record, abi.CALLER_CREDENTIAL_LENGTH);
  return load<u32>(record, abi.CALLER_ROLES) == load<u32>(abi.VERDICT_ROLES)
    && <i32>load<u8>(record, abi.CALLER_KIND) == load<i32>(abi.VERDICT_KIND)
    && load<i32>(record, abi.CALLER_CREDENTIAL_WHOLE) == credentialLength
    && load<i32>(record, abi.CALLER_SCOPES_WHOLE) == credentialScopesLength
    && <i32>load<u8>(record, abi.CALLER_FIRMWARE_LENGTH) == credentialFirmwareLength
    && bytesEqual(firmwareAt(record), credentialFirmware, credentialFirmwareLength)
    && bytesEqual(name, credentialAddress, nameLength)
    && bytesEqual(name + whole(nameLength), credentialScopes, load<u16>(record, abi.CALLER_SCOPES_LENGTH));
}

function write(record: usize): void {
  const issuedMs = credentialIssuedMs;
  const lifetimeMs = credentialExpiresMs - issuedMs;
  const longestMs = load<f64>(record, abi.CALLER_LIFETIME_MS);
  store<u32>(record, load<u32>(abi.VERDICT_ROLES), abi.CALLER_ROLES);
  store<u8>(record, load<i32>(abi.VERDICT_KIND), abi.CALLER_KIND);
  store<f64>(record, issuedMs, abi.CALLER_ISSUED_MS);
  store<f64>(record, credentialExpiresMs, abi.CALLER_EXPIRES_MS);
  if (credentialExpiresMs == Infinity) store<u8>(record, 1, abi.CALLER_ENDLESS);
  else if (!(longestMs >= lifetimeMs)) store<f64>(record, isNaN(lifetimeMs) ? longestMs : lifetimeMs, abi.CALLER_LIFETIME_MS);
  const name = cut(credentialAddress, credentialLength, abi.CALLER_CREDENTIAL_SIZE);
  store<i32>(record, credentialLength, abi.CALLER_CREDENTIAL_WHOLE);
  store<u8>(record, name, abi.CALLER_CREDENTIAL_LENGTH);
  textCopy(credentialAt(record), credentialAddress, name);
  store<u8>(record, credentialFirmwareLength, abi.CALLER_FIRMWARE_LENGTH);
  textCopy(firmwareAt(record), credentialFirmware, credentialFirmwareLength);
  const scopes = wordsFitting();
  store<i32>(record, credentialScopesLength, abi.CALLER_SCOPES_WHOLE);
  store<u16>(record, scopes, abi.CALLER_SCOPES_LENGTH);
  textCopy(credentialAt(record) + whole(name), credentialScopes, scopes);
}

/** Bytes of the first scopes that there is room for: half a scope would be another one. */
function wordsFitting(): i32 {
  let length = credentialScopesLength;
  if (length <= abi.CALLER_SCOPES_SIZE) return length;
  length = abi.CALLER_SCOPES_SIZE;
  while (length > 0 && load<u8>(credentialScopes + length) != 0x20) length--;
  return length;
}

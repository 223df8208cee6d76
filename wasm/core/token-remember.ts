// What the host found of a signature, for either kind of token.
import * as abi from "../abi";
import { cwtRemember } from "./cwt";
import { authenticatorCount, authenticators, image } from "./image";
import { jwtRemember } from "./jwt";

/** As jwtRemember. */
export function token_remember(slot: i32, authenticator: i32, found: i32, nowMs: f64): i32 {
  const isKnown = image != 0 && <u32>authenticator < <u32>authenticatorCount;
  const isCwt = isKnown && load<i32>(authenticators + <usize>authenticator * abi.AUTH_SIZE + abi.AUTH_TYPE) == abi.AUTH_CWT;
  return isCwt ? cwtRemember(slot, authenticator, found, nowMs) : jwtRemember(slot, authenticator, found, nowMs);
}

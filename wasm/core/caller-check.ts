import * as abi from "../abi";
import { authenticate } from "./authenticate";
import { image, serviceCount } from "./image";

/** What decide() asks of a credential, alone, for tools and benchmarks: REASON_*, or VERIFICATION_NEEDED. */
export function caller_check(service: i32, nowMs: f64): i32 {
  return image == 0 || <u32>service >= <u32>serviceCount ? abi.REASON_POLICY_MISSING : authenticate(service, nowMs);
}

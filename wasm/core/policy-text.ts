// Comparing what a request says with a string of the policy.
import { stringAddress, stringLength } from "./image";
import { bytesEqual } from "./text";

/** Is string `index` of the image in force these bytes? Up to 7 bytes behind them are read. Not for secrets. */
export function policyTextIs(index: i32, address: usize, length: i32): bool {
  return stringLength(index) == length && bytesEqual(stringAddress(index), address, length);
}

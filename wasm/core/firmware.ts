// The firmware that a device claims to run. It is shown beside the device and does nothing else: it lets nobody do anything, so
// that devices which make their tokens themselves may say it too.
import { CALLER_FIRMWARE_SIZE } from "../abi";

/** What the token judged last claims; length 0 = nothing. */
export let firmwareAddress: usize = 0;
export let firmwareLength: i32 = 0;

/** As firmwareHear left it before. */
export function firmwareSet(address: usize, length: i32): void {
  firmwareAddress = address;
  firmwareLength = length;
}

/** The claim's text, of any length, -1 = absent. It counts while it is printable ASCII, and is cut to what a caller's record holds. */
export function firmwareHear(address: usize, length: i32): void {
  firmwareSet(address, isPrintable(address, length) ? min(length, CALLER_FIRMWARE_SIZE) : 0);
}

function isPrintable(address: usize, length: i32): bool {
  if (length <= 0) return false;
  for (const end = address + length; address < end; address++) {
    if (<u32>load<u8>(address) - 0x20 > 0x5e) return false;
  }
  return true;
}

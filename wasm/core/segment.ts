// Segments of the normalized path at PATH.
import * as abi from "../abi";
import { matchLength } from "./path";

const SLASH: u32 = 0x2f;

/** Set by segmentFind. */
export let segmentAddress: usize = 0;
export let segmentLength: i32 = 0;

/** Where the segment begins that comes `steps` behind the one at `at`; beyond `end` when there are not so many. */
@inline
export function segmentAfter(at: usize, end: usize, steps: i32): usize {
  for (; steps > 0; steps--) {
    while (at < end && load<u8>(at) != SLASH) at++;
    at++;
  }
  return at;
}

/** Finds the segment of that index, from 0; false when the path has not so many. */
export function segmentFind(index: i32): bool {
  const end: usize = abi.PATH + matchLength;
  segmentAddress = segmentAfter(abi.PATH + 1, end, index);
  if (segmentAddress >= end) return false;
  segmentLength = <i32>(segmentAfter(segmentAddress, end, 1) - segmentAddress - 1);
  return true;
}

// Memory for tables, handed out at boot and never returned: nothing grows while requests are served.
import * as abi from "../abi";

let top: usize = abi.ARENA;

const END: usize = <usize>abi.MEMORY_PAGES << 16;

/** Address of `size` zeroed bytes at a multiple of 128 (two cache lines), or 0 when the arena is used up. */
export function arenaTake(size: u64): usize {
  const at = (top + 127) & ~127;
  if (size > <u64>(END - at)) return 0;
  top = at + <usize>size;
  return at;
}

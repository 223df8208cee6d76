// Which good tokens came before, so that a token that never returns is not hashed for nothing. The last characters of a token
// belong to its signature, and are as good as random. A filter only: what it takes for seen is then looked up by its whole
// hash, and what it has forgotten is judged as if it were new.
//
// Buckets of four u32 tags, the youngest first.
import { SEEN_BUCKETS, SEEN_TOKENS } from "../abi";

/** A token has more: two dots, and what is between them. */
const TAIL: i32 = 8;

let bucket: usize = 0;
let tag: i32 = 0;

/** Has a token with this end been marked? */
export function isSeen(end: usize, length: i32): bool {
  const word = length < TAIL ? 0 : load<u64>(end - TAIL) * 0x9e3779b97f4a7c15; // Fibonacci hashing (Knuth, TAOCP 3, §6.4)
  bucket = <usize>SEEN_TOKENS + <usize>((word >> 32) & (SEEN_BUCKETS - 1)) * 16;
  tag = <i32>word ^ <i32>(word >> 45);
  return v128.any_true(i32x4.eq(v128.load(bucket), i32x4.splat(tag)));
}

/** Marks the token that isSeen was asked about last; the oldest in its bucket is forgotten. */
export function markSeen(): void {
  v128.store(bucket, v128.shuffle<i32>(i32x4.splat(tag), v128.load(bucket), 0, 4, 5, 6));
}

// API keys of our own making carry a checksum, pk_<env>_<32 random>_<6 checksum>, so that junk of their shape is known without a
// lookup: CRC-32 (ISO 3309) of all that stands before the last "_", in base 62 (0-9 A-Z a-z), as GitHub's tokens have it.
const RANDOM_LENGTH: i32 = 32;
const CHECKSUM_LENGTH: i32 = 6;
const MAX_ENV: i32 = 16;
const UNDERSCORE: u32 = 0x5f;

/** CRC-32's polynomial, reflected. */
const POLYNOMIAL: u32 = 0xedb88320;
/** Four tables of 256 remainders, of a byte 0 to 3 bytes before the end: 4 bytes a step (Kounavis, Berry, 2005). Written when first asked for. */
const TABLES: usize = memory.data(4096, 16);
const TABLE_SIZE: usize = 1024;

/** Bytes before the <env>, "pk_", and behind it. */
export const ENV_START: i32 = 3;
export const BEHIND_ENV: i32 = 1 + RANDOM_LENGTH + 1 + CHECKSUM_LENGTH;
const FIXED_LENGTH: i32 = ENV_START + BEHIND_ENV;

export const KEY_FOREIGN: i32 = 0;
export const KEY_JUNK: i32 = 1;
export const KEY_OURS: i32 = 2;

/**
 * KEY_OURS: the key at `at` has exactly the shape of our keys, and their checksum. KEY_JUNK: their shape, and another
 * checksum. KEY_FOREIGN: another shape, so not ours to judge.
 */
export function keyForm(at: usize, length: i32): i32 {
  const env = length - FIXED_LENGTH;
  if (env < 1 || env > MAX_ENV || (load<u32>(at) & 0xffffff) != 0x5f6b70) return KEY_FOREIGN; // "pk_"
  const random = at + ENV_START + env;
  const checksum = random + 1 + RANDOM_LENGTH;
  if (load<u8>(random) != UNDERSCORE || load<u8>(checksum) != UNDERSCORE) return KEY_FOREIGN;
  if (!isShaped(at + ENV_START, checksum + 1 + CHECKSUM_LENGTH)) return KEY_FOREIGN;
  return base62(checksum + 1) == <u64>crc32(at, checksum) ? KEY_OURS : KEY_JUNK;
}

/** Letters and digits, but for the two underscores that are known to stand there. */
function isShaped(at: usize, end: usize): bool {
  let underscores = 0;
  for (; at < end; at++) {
    const c = <u32>load<u8>(at);
    if (c == UNDERSCORE) underscores++;
    else if (c - 0x30 >= 10 && (c | 0x20) - 0x61 >= 26) return false;
  }
  return underscores == 2;
}

/** Six digits hold more than 32 bits: what is beyond them is no CRC. */
function base62(at: usize): u64 {
  let value: u64 = 0;
  for (const end = at + CHECKSUM_LENGTH; at < end; at++) {
    const c = <u64>load<u8>(at);
    value = value * 62 + (c < 0x40 ? c - 0x30 : c < 0x60 ? c - 0x37 : c - 0x3d);
  }
  return value;
}

function crc32(at: usize, end: usize): u32 {
  if (load<u32>(TABLES, 4) == 0) writeTables();
  let crc: u32 = 0xffffffff;
  for (; at + 4 <= end; at += 4) {
    crc ^= load<u32>(at);
    crc = remainder(3, crc) ^ remainder(2, crc >>> 8) ^ remainder(1, crc >>> 16) ^ remainder(0, crc >>> 24);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ remainder(0, crc ^ load<u8>(at));
  return ~crc;
}

@inline
function remainder(table: usize, byte: u32): u32 {
  return load<u32>(TABLES + table * TABLE_SIZE + ((<usize>byte & 255) << 2));
}

function writeTables(): void {
  for (let byte: usize = 0; byte < 256; byte++) {
    let crc = <u32>byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    store<u32>(TABLES + (byte << 2), crc);
  }
  for (let byte: usize = 0; byte < 256; byte++) {
    let crc = load<u32>(TABLES + (byte << 2));
    for (let table: usize = 1; table < 4; table++) {
      crc = (crc >>> 8) ^ remainder(0, crc);
      store<u32>(TABLES + table * TABLE_SIZE + (byte << 2), crc);
    }
  }
}

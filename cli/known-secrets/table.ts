import { digestPrefix, MIN_BYTES } from "./known-secret.ts";

/** The table of a list of secrets, one a line: sorted digest prefixes, each once. The secrets themselves are not kept. */
export function prefixTable(list: string): Buffer {
  const long = list
    .split(/\r?\n/)
    .map((line) => Buffer.from(line))
    .filter((secret) => secret.length >= MIN_BYTES);
  const prefixes = new Set(long.map((secret) => digestPrefix(secret).toString("hex")));
  return Buffer.concat([...prefixes].sort().map((hex) => Buffer.from(hex, "hex")));
}

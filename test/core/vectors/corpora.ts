import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.PICKET_CORPORA ?? join(import.meta.dirname, "../../../../shared/corpora");

/** A published file where it lies, never a copy of it; null = it is not on this machine. */
export function readCorpus<Content>(path: string): Content | null {
  const file = join(folder, path);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Content) : null;
}

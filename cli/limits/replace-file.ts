import { chmodSync, closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readPolicyFile } from "../policy-file.ts";

/**
 * Puts `after` in the place of a file that holds `before`: at once, so that no reader ever sees half of it.
 *
 * @returns why it was not done, null = it is
 */
export function replaceFile(file: string, before: string, after: string): string | null {
  let temporary = "";
  try {
    const path = realpathSync(file); // a link stays one
    const standing = readPolicyFile(path);
    if (!standing.ok || standing.text !== before) return `${file} was changed meanwhile: nothing is written`;
    const name = `${path}.${process.pid}.tmp`;
    const handle = openSync(name, "wx", 0o600);
    temporary = name;
    writeFileSync(handle, after);
    fsyncSync(handle);
    closeSync(handle);
    chmodSync(temporary, statSync(path).mode);
    renameSync(temporary, path);
    return null;
  } catch (error) {
    if (temporary !== "") rmSync(temporary, { force: true });
    return `${file} cannot be written: ${error instanceof Error && "code" in error ? error.code : "unknown error"}`;
  }
}

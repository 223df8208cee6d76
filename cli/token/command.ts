import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { isWellFormedKey } from "../../worker/policy/key-format.ts";
import { newKey } from "./new-key.ts";

export const help = `picket token new --id ID [--env ENV] [--kind KIND] [--scopes A,B] [--roles A,B] [--expires DATE]
picket token check KEY|-

new     makes an API key, pk_<env>_<random>_<checksum>, and prints it once, with the line for the keys of an authenticator of
        type api-key. The line holds its SHA-256 alone. --env is "live" where nothing is said.
check   says whether a key is well-formed, which is all that can be known without the policy. "-" reads it from standard input,
        where neither the shell's history nor other users see it.
Exits 0, 1 for a key that is not well-formed, 2 when it was called wrongly.`;

/** @returns exit code */
export async function run([action, ...args]: readonly string[]): Promise<number> {
  if (action === "new") return printNew(args);
  const [key, ...rest] = args;
  if (action !== "check" || key === undefined || rest.length > 0) {
    console.error(help);
    return 2;
  }
  const wellFormed = isWellFormedKey(key === "-" ? (await text(process.stdin)).trim() : key);
  console.log(wellFormed ? "well-formed" : "not well-formed: it was mistyped, or is of another kind");
  return wellFormed ? 0 : 1;
}

function printNew(args: readonly string[]): number {
  const made = newKey(args, randomBytes);
  if (!made.ok) {
    console.error(`picket token new: ${made.message}\n\n${help}`);
    return 2;
  }
  console.log(`${made.key}\n\nIt is not kept and cannot be shown again. In the policy:\n\n${made.entry}`);
  return 0;
}

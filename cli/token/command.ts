import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { isWellFormedKey } from "../../worker/policy/key-format.ts";
import { adminHelp } from "../admin-api.ts";
import { newKey } from "./new-key.ts";
import { isStored, isVerb, runStored } from "./stored.ts";

export const help = `picket token new --id ID [--env ENV] [--kind KIND] [--scopes A,B] [--roles A,B] [--expires DATE]
picket token check KEY|-

new     makes an API key, pk_<env>_<random>_<checksum>, and prints it once, with the line for the keys of an authenticator of
        type api-key. The line holds its SHA-256 alone. --env is "live" where nothing is said.
check   says whether a key is well-formed, which is all that can be known without the policy. "-" reads it from standard input,
        where neither the shell's history nor other users see it.

Keys that a running gateway keeps, for an authenticator that says stored: true:

picket token new --authenticator NAME --id ID --reason TEXT [--env ENV] [--kind KIND] [--scopes A,B] [--roles A,B]
                 [--owner TEXT] [--addresses CIDR,CIDR] [--expires TIME]
picket token list [--authenticator NAME]
picket token reroll|disable|enable|expire --authenticator NAME --id ID --reason TEXT

new, reroll   print the key alone on standard output, once; it is kept nowhere, only its SHA-256 is
reroll        makes another key under the same id; the present one holds for --grace longer: 0, or from 2m to 30d; 24h when it
              is left out
disable       refuses the key in every region within two seconds, until enable
expire        ends the key for good: now, or --at an instant that is at least two minutes ahead and before its end
TIME          an instant (2027-06-01), or a time from now: 90m, 12h, 7d
${adminHelp}
check exits 1 for a key that is not well-formed.`;

/** @returns exit code */
export async function run([action = "", ...args]: readonly string[]): Promise<number> {
  if (action === "new" && !isStored(args)) return printNew(args);
  if (isVerb(action)) return runStored(action, args, help);
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

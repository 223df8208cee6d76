import { adminHelp } from "../admin-api.ts";
import { blocked, release } from "./blocked.ts";

export const help = `picket limits blocked [--limit NAME] [--principal P]
picket limits release --limit NAME --principal P [--authenticator NAME]
picket limits release --limit NAME --key K

  blocked      who is in the penalty box of each region, who was let out in the last day, and whose next block will be longer
  release      lets out of it, in every region; it is in force everywhere within two seconds. Their next block is as long as a first
${adminHelp}`;

/** Each takes what follows its name, and answers the exit code. */
const subcommands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { blocked, release };

/** @returns exit code */
export async function run([name = "", ...args]: readonly string[]): Promise<number> {
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand !== undefined) return subcommand(args);
  console.error(help);
  return 2;
}

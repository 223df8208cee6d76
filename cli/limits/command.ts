import { adminHelp } from "../admin-api.ts";
import * as apply from "./apply.ts";
import { blocked, release } from "./blocked.ts";
import { endExemption, exempt, exemptions } from "./exempt.ts";
import * as suggest from "./suggest.ts";

/** Each has a `help`, and `run(args)`, which resolves to the exit code. */
const subcommands: Readonly<Record<string, { help: string; run(args: readonly string[]): Promise<number> }>> = {
  suggest,
  apply,
  exempt,
  exemptions,
  "end-exemption": endExemption,
  blocked: {
    help: `picket limits blocked [--limit NAME] [--principal P]

Who is in the penalty box of each region, who was let out in the last day, and whose next block will be longer.`,
    run: blocked,
  },
  release: {
    help: `picket limits release --limit NAME --principal P [--authenticator NAME]
picket limits release --limit NAME --key K

Lets out of it, in every region; it is in force everywhere within two seconds. Their next block is as long as a first.`,
    run: release,
  },
};

export const help = [
  ...Object.values(subcommands)
    .map((one) => one.help)
    .filter((text) => text !== ""),
  adminHelp,
].join("\n\n");

/** @returns exit code */
export async function run([name = "", ...args]: readonly string[]): Promise<number> {
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand !== undefined) return subcommand.run(args);
  console.error(help);
  return 2;
}

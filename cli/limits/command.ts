import { adminHelp } from "../admin-api.ts";
import { endExemption, exempt, exemptions } from "./exempt.ts";

/** Each has a `help`, and `run(args)`, which resolves to the exit code. */
const subcommands: Readonly<Record<string, { help: string; run(args: readonly string[]): Promise<number> }>> = {
  exempt,
  exemptions,
  "end-exemption": endExemption,
};

export const help = [...Object.values(subcommands).map((one) => one.help), adminHelp].join("\n\n");

/** @returns exit code */
export async function run([name = "", ...args]: readonly string[]): Promise<number> {
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand !== undefined) return subcommand.run(args);
  console.error(help);
  return 2;
}

import { adminHelp } from "../admin-api.ts";
import * as apply from "./apply.ts";
import * as suggest from "./suggest.ts";

/** Each module exports `help` and `run(args)`, which resolves to the exit code. */
const subcommands: Readonly<Record<string, { help: string; run(args: readonly string[]): Promise<number> }>> = { suggest, apply };

export const help = [...Object.values(subcommands).map((one) => one.help), adminHelp].join("\n\n");

/** @returns exit code */
export async function run([name = "", ...args]: readonly string[]): Promise<number> {
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand !== undefined) return subcommand.run(args);
  console.error(help);
  return 2;
}

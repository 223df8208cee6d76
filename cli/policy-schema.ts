import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { policySchema } from "../worker/policy/schema.ts";

const file = new URL("../worker/policy/policy.schema.json", import.meta.url);
const command = "npm run schema";

export const help = `picket schema [--check]

Writes the policy's JSON Schema to worker/policy/policy.schema.json.
  --check   write nothing, and exit 1 when the file is not current`;

/** The published JSON Schema (draft 2020-12) of what a policy file may hold, as the file has it. */
export function schemaText(): string {
  const { $schema, ...rest } = z.toJSONSchema(policySchema(), { io: "input", target: "draft-2020-12" });
  return `${JSON.stringify({ $schema, $id: "urn:picket:policy:1", ...rest }, null, 2)}\n`;
}

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const check = args.includes("--check");
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) {
    console.error(`unexpected ${unknown}\n\n${help}`);
    return 2;
  }
  const current = schemaText();
  if (!check) writeFileSync(file, current);
  else if (readFileSync(file, "utf8") !== current) {
    console.error(`${fileURLToPath(file)} is not current: run ${command}`);
    return 1;
  }
  return 0;
}

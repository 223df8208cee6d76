import { parsePolicy } from "../worker/policy/parse.ts";
import { counted, problemLine, readPolicyFile } from "./policy-file.ts";

export const help = `picket lint POLICY

Checks a policy file (YAML or JSON) and prints every problem as FILE:LINE:COLUMN PATH: MESSAGE (CODE).
Exits 0 without problems (warnings may stand), 1 with problems, 2 when it was called wrongly.`;

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const [file, ...rest] = args;
  if (file === undefined || file.startsWith("-") || rest.length > 0) {
    console.error(help);
    return 2;
  }
  const source = readPolicyFile(file);
  if (!source.ok) {
    console.error(source.message);
    return 2;
  }
  const parsed = await parsePolicy(source.text, Date.now());
  for (const warning of parsed.warnings) console.log(`warning: ${problemLine(file, warning)}`);
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.log(problemLine(file, problem));
    console.log(`${file}: ${counted(parsed.problems.length, "problem")}`);
    return 1;
  }
  const { services } = parsed.policy;
  const operations = services.reduce((sum, service) => sum + service.operations.length, 0);
  console.log(`${file}: ${counted(services.length, "service")}, ${counted(operations, "operation")}, no problems`);
  return 0;
}

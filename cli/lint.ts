import { parsePolicy } from "../worker/policy/parse.ts";
import { counted, localSecrets, problemLine, readPolicyFile } from "./policy-file.ts";
import { secretProblems } from "./secret-problems.ts";

export const help = `picket lint POLICY

Checks a policy file (YAML or JSON) and prints every problem as FILE:LINE:COLUMN PATH: MESSAGE (CODE). Secrets that are set here
(env:, file:) are checked as well: their length, whether they follow a pattern, and whether they are known to everybody.
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
  const { problems, unset } = parsed.ok
    ? secretProblems(parsed.policy, localSecrets(file, process.env), parsed.locate)
    : { ...parsed, unset: [] };
  if (!parsed.ok || problems.length > 0) {
    for (const problem of problems) console.log(problemLine(file, problem));
    console.log(`${file}: ${counted(problems.length, "problem")}`);
    return 1;
  }
  const { services } = parsed.policy;
  const operations = services.reduce((sum, service) => sum + service.operations.length, 0);
  console.log(
    `${file}: ${counted(services.length, "service")}, ${counted(operations, "operation")}, no problems${unchecked(unset)}`,
  );
  return 0;
}

/** A secret that lives elsewhere cannot be judged here, which should not look like approval. */
function unchecked(unset: readonly string[]): string {
  return unset.length === 0 ? "" : `; not set here, so not checked: ${unset.join(", ")}`;
}

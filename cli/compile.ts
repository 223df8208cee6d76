import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compile } from "../worker/policy/compile.ts";
import { parsePolicy } from "../worker/policy/parse.ts";
import { limitSeed } from "../worker/policy/seal.ts";
import { counted, localSecrets, problemLine, readPolicyFile } from "./policy-file.ts";
import { knownSecretProblems } from "./secret-problems.ts";

export const help = `picket compile POLICY [--out FILE]

Compiles a policy with its secrets (env: from the environment, file: relative to the policy) and says how large it becomes.
  --out FILE   write the image there, readable by you alone: whoever has it can forge the tokens that the policy accepts
PICKET_KEY, where it is set, gives the limits' seed as in a deployment; without it the image is for inspection.
Exits 0, 1 with problems, 2 when it was called wrongly.`;

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const call = readCall(args);
  if (call === null) {
    console.error(help);
    return 2;
  }
  const { file, out } = call;
  const source = readPolicyFile(file);
  if (!source.ok) {
    console.error(source.message);
    return 2;
  }
  const result = await compileText(source.text, file);
  if (!result.ok) {
    for (const problem of result.problems) console.log(problemLine(file, problem));
    console.log(`${file}: ${counted(result.problems.length, "problem")}`);
    return 1;
  }
  const { image, meta } = result.compiled;
  if (out !== undefined) writeFileSync(out, image, { mode: 0o600 });
  const parts = [counted(meta.services.length, "service"), counted(meta.operations.length, "operation")];
  console.log(
    `${file}: ${parts.join(", ")} with the stand-ins, image of ${image.length} bytes${out === undefined ? "" : ` in ${out}`}`,
  );
  return 0;
}

async function compileText(text: string, file: string): ReturnType<typeof compile> {
  const parsed = await parsePolicy(text, Date.now());
  if (!parsed.ok) return parsed;
  const key = process.env.PICKET_KEY;
  const seed = key === undefined ? new Uint8Array(16) : await limitSeed(key);
  const secretOf = localSecrets(file, process.env);
  const known = knownSecretProblems(parsed.policy, secretOf, parsed.locate);
  const result = await compile(parsed.policy, { version: 1, seed, secretOf, locate: parsed.locate });
  return known.length === 0 ? result : { ok: false, problems: [...(result.ok ? [] : result.problems), ...known] };
}

function readCall(args: readonly string[]): { file: string; out: string | undefined } | null {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { out: { type: "string" } }, allowPositionals: true });
    const [file, ...rest] = positionals;
    return file === undefined || rest.length > 0 ? null : { file, out: values.out };
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

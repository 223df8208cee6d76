import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { compile } from "../../worker/policy/compile.ts";
import type { ServiceMeta } from "../../worker/policy/compiled.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import type { Problem } from "../../worker/policy/problem.ts";
import { counted, localSecrets, problemLine, readPolicyFile } from "../policy-file.ts";
import { knownSecretProblems } from "../secret-problems.ts";
import { failed, type Outcome } from "./outcome.ts";

/** A policy without problems, and what its references stand for. */
export interface CheckedPolicy {
  file: string;
  text: string;
  /** Values of the references that the policy names, by reference. */
  secrets: Record<string, string>;
  services: ServiceMeta[];
  warnings: Problem[];
  /** Changes whenever the text or a secret does. */
  digest: string;
}

export interface PolicySource {
  file: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** What is put in place of a text before it is read: the example's upstream has a port of the moment. */
  replace: readonly [from: string, to: string] | null;
}

/** Reads a policy and the secrets that it refers to, and checks it as a deployment would. */
export async function checkPolicy({ file, environment, replace }: PolicySource): Promise<Outcome<CheckedPolicy>> {
  const read = readPolicyFile(file);
  if (!read.ok) return failed(existsSync(file) ? `The policy file ${read.message}.` : `There is no policy file ${file}.`);
  const text = replace === null ? read.text : read.text.replaceAll(...replace);
  const parsed = await parsePolicy(text, Date.now());
  if (!parsed.ok) return failed(problemText(file, parsed.problems));
  const secrets: Record<string, string> = {};
  const local = localSecrets(file, environment);
  const secretOf = (ref: string) => {
    const value = local(ref);
    if (value !== undefined) secrets[ref] = value;
    return value;
  };
  // The version and the seed are the gateway's to choose: here only the checks and the facts matter.
  const compilation = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf, locate: parsed.locate });
  if (!compilation.ok) return failed(problemText(file, compilation.problems));
  const known = knownSecretProblems(parsed.policy, secretOf, parsed.locate);
  if (known.length > 0) return failed(problemText(file, known));
  const { services } = compilation.compiled.meta;
  const digest = createHash("sha256")
    .update(JSON.stringify([text, secrets]))
    .digest("hex");
  return { ok: true, value: { file, text, secrets, services, warnings: parsed.warnings, digest } };
}

/** Problems as `picket lint` prints them. */
export function problemText(file: string, problems: readonly Problem[]): string {
  return [...problems.map((problem) => problemLine(file, problem)), `${file}: ${counted(problems.length, "problem")}`].join("\n");
}

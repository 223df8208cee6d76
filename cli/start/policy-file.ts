import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { compile } from "../../worker/policy/compile.ts";
import type { ServiceMeta } from "../../worker/policy/compiled.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import type { Problem } from "../../worker/policy/problem.ts";
import { failed, type Outcome, reason } from "./outcome.ts";

export interface PolicyFile {
  text: string;
  /** Values of the references that the policy names, by reference. */
  secrets: Record<string, string>;
  services: ServiceMeta[];
  warnings: Problem[];
  /** Changes whenever the text or a secret does. */
  digest: string;
}

export type PolicyRead = { ok: true; value: PolicyFile } | { ok: false; message: string; problems: Problem[] };

export interface PolicySource {
  file: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** What is put in place of a text before it is read: the example's upstream has a port of the moment. */
  replace: readonly [from: string, to: string] | null;
}

/** Reads a policy and the secrets that it refers to, and checks it as a deployment would. */
export async function readPolicyFile(source: PolicySource): Promise<PolicyRead> {
  const file = readText(source.file);
  if (!file.ok) return { ...file, problems: [] };
  const text = source.replace === null ? file.value : file.value.replaceAll(...source.replace);
  const parsed = await parsePolicy(text, Date.now());
  if (!parsed.ok) return invalid(source.file, parsed.problems);
  const secrets: Record<string, string> = {};
  const secretOf = (ref: string) => {
    const value = secretValue(ref, source);
    if (value !== undefined) secrets[ref] = value;
    return value;
  };
  // The version and the seed are the gateway's to choose: here only the checks and the facts matter.
  const compilation = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf, locate: parsed.locate });
  if (!compilation.ok) return invalid(source.file, compilation.problems);
  const { services } = compilation.compiled.meta;
  const digest = createHash("sha256")
    .update(JSON.stringify([text, secrets]))
    .digest("hex");
  return { ok: true, value: { text, secrets, services, warnings: parsed.warnings, digest } };
}

function invalid(file: string, problems: Problem[]): PolicyRead {
  const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
  return { ok: false, message: `${file} has ${count}.`, problems };
}

function readText(file: string): Outcome<string> {
  try {
    return { ok: true, value: readFileSync(file, "utf8") };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return failed(missing ? `There is no policy file ${file}.` : `The policy file ${file} cannot be read: ${reason(error)}.`);
  }
}

/** `env:NAME` from the environment; `file:PATH`, relative to the policy, without the newline that editors add. */
function secretValue(ref: string, { environment, file }: PolicySource): string | undefined {
  if (ref.startsWith("env:")) return environment[ref.slice(4)] || undefined;
  try {
    return readFileSync(resolve(dirname(file), ref.slice(5)), "utf8").replace(/\r?\n$/, "") || undefined;
  } catch {
    return undefined;
  }
}

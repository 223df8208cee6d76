import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Problem } from "../worker/policy/problem.ts";
import { MAX_POLICY_BYTES } from "../worker/policy/source.ts";

const MAX_SECRET_BYTES = 64 * 1024;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export type PolicyText = { ok: true; text: string } | { ok: false; message: string };

/** Reads a policy file, or says in one sentence why it cannot. */
export function readPolicyFile(file: string): PolicyText {
  try {
    const { size } = statSync(file);
    if (size > MAX_POLICY_BYTES) return { ok: false, message: `${file} is larger than ${MAX_POLICY_BYTES} bytes` };
    return { ok: true, text: utf8.decode(readFileSync(file)) };
  } catch (error) {
    return { ok: false, message: `${file} cannot be read: ${reason(error)}` };
  }
}

function reason(error: unknown): string {
  if (error instanceof TypeError) return "it is not UTF-8";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return { ENOENT: "there is no such file", EACCES: "permission denied", EISDIR: "it is a directory" }[code] ?? code;
}

/**
 * Secrets on Node: `env:NAME` from `env`, `file:PATH` relative to the policy file. One line end behind a file's secret is cut
 * off, because editors and `echo` put it there. A file must be UTF-8, because secrets reach the Worker as text: one of other
 * bytes is written as hex or base64url.
 */
export function localSecrets(
  policyFile: string,
  env: Readonly<Record<string, string | undefined>>,
): (ref: string) => string | undefined {
  return (ref) => {
    const value = ref.startsWith("env:") ? env[ref.slice(4)] : readSecretFile(resolve(dirname(policyFile), ref.slice(5)));
    return value === "" ? undefined : value;
  };
}

function readSecretFile(path: string): string | undefined {
  try {
    return statSync(path).size > MAX_SECRET_BYTES ? undefined : utf8.decode(readFileSync(path)).replace(/\r?\n$/, "");
  } catch {
    return undefined; // reported as secret_missing, with the path
  }
}

/** `policy.yaml:12:5 services[0].limits[0]: message: expected …, found … (code)` */
export function problemLine(file: string, problem: Problem): string {
  const { path, line, column, message, expected, found, code } = problem;
  const place = line === null ? file : `${file}:${line}:${column}`;
  const where = path === "" ? "" : ` ${path}`;
  return `${place}${where}: ${message}: expected ${expected}, found ${found} (${code})`;
}

/** `1 problem`, `2 problems`, `no problems`. */
export function counted(count: number, what: string): string {
  return `${count === 0 ? "no" : count} ${what}${count === 1 ? "" : "s"}`;
}

import { checkPolicy } from "./check.ts";
import { type Finding, type Locate, locateFindings, type Problem } from "./problem.ts";
import type { Policy } from "./schema.ts";
import { schemaFindings } from "./schema-findings.ts";
import { readSource } from "./source.ts";

/** What more is reported as one problem: a reader has enough to do, and the answer stays small. */
const MAX_PROBLEMS = 200;

export type ParsedPolicy =
  | { ok: true; policy: Policy; warnings: Problem[]; locate: Locate }
  | { ok: false; problems: Problem[]; warnings: Problem[] };

/**
 * Reads a policy (YAML or JSON): syntax, schema and cross references, every problem at once, in the order of the file.
 *
 * @param nowMs for warnings about keys that have expired
 */
export async function parsePolicy(text: string, nowMs: number): Promise<ParsedPolicy> {
  const source = await readSource(text);
  if (!source.ok) return { ok: false, problems: bounded(source.findings, source.locate), warnings: [] };
  const { policySchema } = await import("./schema.ts");
  const result = policySchema().safeParse(source.data);
  const checked = checkPolicy(source.data, nowMs);
  const findings = result.success ? checked.problems : [...schemaFindings(source.data, result.error.issues), ...checked.problems];
  const warnings = bounded(checked.warnings, source.locate);
  if (!result.success || findings.length > 0) return { ok: false, problems: bounded(findings, source.locate), warnings };
  return { ok: true, policy: result.data, warnings, locate: source.locate };
}

function bounded(findings: readonly Finding[], locate: Locate): Problem[] {
  const problems = locateFindings(findings.slice(0, MAX_PROBLEMS), locate);
  if (findings.length <= MAX_PROBLEMS) return problems;
  const rest = findings.length - MAX_PROBLEMS;
  const message = `and ${rest} more`;
  return [
    ...problems,
    { path: "", line: null, column: null, code: "too_many_problems", message, expected: "fewer problems", found: message },
  ];
}

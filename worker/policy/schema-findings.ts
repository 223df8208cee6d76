import type * as z from "zod";
import { describe, valueAt } from "./describe.ts";
import { type Finding, type PolicyPath, quoted } from "./problem.ts";
import type { IssueParams } from "./schema-fields.ts";
import { didYouMean } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/** zod's issues in Picket's words. `data` is the policy as it was read. */
export function schemaFindings(data: unknown, issues: readonly Issue[], at: PolicyPath = []): Finding[] {
  return issues.flatMap((issue) => issueFindings(data, issue, [...at, ...(issue.path as PolicyPath)]));
}

/**
 * Codes: missing, wrong_type, unknown_key, out_of_range, bad_value, bad_format, and those of the fields' own readers.
 */
function issueFindings(data: unknown, issue: Issue, path: PolicyPath): Finding[] {
  const value = valueAt(data, path);
  const found = describe(value, path);
  const finding = (code: string, message: string, expected: string): Finding[] => [{ path, code, message, expected, found }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey([...path, key], key, issue.message));
    case "invalid_type":
      return typeFinding(path, value, typeNames[issue.expected] ?? issue.expected);
    case "invalid_union":
      return unionFindings(data, issue, path);
    case "invalid_value": {
      const expected = issue.values.map((one) => JSON.stringify(one)).join(" or ");
      if (value === undefined) return typeFinding(path, value, expected);
      const near = typeof value === "string" ? didYouMean(value, issue.values.map(String)) : "";
      return finding("bad_value", `this value is not known${near}`, expected);
    }
    case "too_small":
      return finding("out_of_range", "this is too little", `at least ${counted(issue.minimum, issue.origin)}`);
    case "too_big":
      return finding("out_of_range", "this is too much", `at most ${counted(issue.maximum, issue.origin)}`);
    case "custom": {
      const { code, expected } = issue.params as unknown as IssueParams;
      return finding(code, issue.message, expected);
    }
    default:
      return finding("bad_format", issue.message, issue.message.replace(/^this is not /, ""));
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: "a text",
  array: "a list",
  object: "a mapping",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function typeFinding(path: PolicyPath, value: unknown, expected: string): Finding[] {
  if (value === undefined)
    return [{ path, code: "missing", message: `${String(path.at(-1) ?? "the policy")} is missing`, expected, found: "nothing" }];
  return [{ path, code: "wrong_type", message: `this is not ${expected}`, expected, found: describe(value, path) }];
}

/** @param known the keys that may stand there, as the schema's strict objects list them */
function unknownKey(path: PolicyPath, key: string, known: string): Finding {
  const near = didYouMean(key, known.split(", "));
  return {
    path,
    code: "unknown_key",
    message: `unknown key ${quoted(key)}${near}`,
    expected: `one of ${known}`,
    found: quoted(key),
  };
}

/** The alternative that the value was meant to be says what is wrong; where none fits by type, all are named. */
function unionFindings(data: unknown, issue: Extract<Issue, { code: "invalid_union" }>, path: PolicyPath): Finding[] {
  const meant = issue.errors.find((issues) => !issues.some((one) => one.code === "invalid_type" && one.path.length === 0));
  if (meant !== undefined) return schemaFindings(data, meant, path);
  const value = valueAt(data, path);
  if (issue.errors.length > 0) {
    const types = issue.errors.flatMap(([first]) =>
      first?.code === "invalid_type" ? [typeNames[first.expected] ?? first.expected] : [],
    );
    return typeFinding(path, value, types.join(" or "));
  }
  const expected = '"jwt", "cwt" or "api-key"'; // the one discriminated union: authenticators by type
  if (value === undefined) return typeFinding(path, value, expected);
  const near = typeof value === "string" ? didYouMean(value, ["jwt", "cwt", "api-key"]) : "";
  return [{ path, code: "bad_value", message: `this value is not known${near}`, expected, found: describe(value, path) }];
}

function counted(bound: number | bigint, origin: string): string {
  if (origin === "array") return `${bound} ${bound === 1 ? "entry" : "entries"}`;
  if (origin === "string") return `${bound} ${bound === 1 ? "character" : "characters"}`;
  return String(bound);
}

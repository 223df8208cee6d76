import type { Problem } from "../../worker/policy/problem.ts";

/** A sentence and the problems behind it, one a line: where, what, and what was expected. */
export function problemText({ message, problems }: { message: string; problems: readonly Problem[] }): string {
  return [message, ...problems.map(problemLine)].join("\n");
}

function problemLine({ path, line, column, message, expected, found }: Problem): string {
  const place = line === null ? "" : `${line}:${column ?? 1}  `;
  return `  ${place}${path === "" ? "(file)" : path}: ${message}; expected ${expected}, found ${found}`;
}

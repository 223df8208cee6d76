/** One thing that is wrong with a policy (or, among warnings, questionable). */
export interface Problem {
  /** Where in the policy, e.g. `services[0].operations[1].scopes`; "" = the file as a whole. */
  path: string;
  /** From 1; null when the place has no text of its own. */
  line: number | null;
  column: number | null;
  expected: string;
  /** What stands there; "(hidden)" wherever it may be a secret. */
  found: string;
  message: string;
  /** Stable: tests, the console and scripts rely on it. */
  code: string;
}

/** Keys and list indices from the policy's root. */
export type PolicyPath = readonly (string | number)[];

/** In the policy's text; both count from 1. */
export interface Place {
  line: number;
  column: number;
}

/** Where a path stands in the policy's text; null = nowhere. */
export type Locate = (path: PolicyPath) => Place | null;

/** A problem before it has been located. */
export interface Finding {
  path: PolicyPath;
  code: string;
  message: string;
  expected: string;
  found: string;
  /** Where its path cannot say it: the text was not understood. */
  place?: Place;
}

/** `["services", 0, "name"]` → `services[0].name`. A key that is no plain name is quoted. */
export function pathText(path: PolicyPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[A-Za-z_][\w-]{0,63}$/.test(step)) text += `[${quoted(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** A text as a problem shows it: in quotes, cut at 60 characters, and without anything that a terminal would act on. */
export function quoted(text: string): string {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
  return shown.replace(/[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** Findings in the order of the file, with their places. */
export function locateFindings(findings: readonly Finding[], locate: Locate): Problem[] {
  const problems = findings.map(({ path, place: given, ...rest }) => {
    const place = given ?? locate(path);
    return { path: pathText(path), line: place?.line ?? null, column: place?.column ?? null, ...rest };
  });
  return problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

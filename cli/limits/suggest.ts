import { parseArgs } from "node:util";
import type { LimitSuggestion, LimitSuggestions } from "../../worker/soc/limit-suggestions-schema.ts";
import { adminOptions, openAdminApi } from "../admin-api.ts";
import { confidence, fetchSuggestions, remarks, suggested, suggestionHelp, suggestionOptions } from "./suggestions.ts";

export const help = `picket limits suggest [--service NAME] [--at max|p99] [--min-days N] [--min-callers N] [--json]

Shows, for each operation of the policy in force, the most that its callers did within one minute of the last 40 days (of half of
them, of 90 %, of 99 %, each with its 95 % interval, and of the largest), and the limit by principal that a quarter above comes to.
ABOVE is how likely a caller that is not known yet is to do more than all who are.
${suggestionHelp}`;

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const given = read(args);
  if (given === null) return wrong(help);
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  const answer = await fetchSuggestions(opened.api, given);
  if (!answer.ok) {
    console.error(`picket limits suggest: ${answer.message}`);
    return 1;
  }
  console.log(given.json ? JSON.stringify(answer.body, null, 2) : table(answer.body));
  return 0;
}

function read(args: readonly string[]) {
  try {
    const options = { ...suggestionOptions, ...adminOptions, json: { type: "boolean" } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

/** Columns, each operation's remarks below it. */
export function table(body: LimitSuggestions): string {
  const head = ["OPERATION", "CALLERS", "DAYS", "50 %", "90 %", "99 %", "LARGEST", "ABOVE", "SUGGESTED BY PRINCIPAL"];
  const rows = body.suggestions.map((one) => row(one, body));
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const lines = body.suggestions.flatMap((one, index) => [line(rows[index] ?? []), ...remarks(one).map((text) => `    ${text}`)]);
  const notes = [
    ...(body.suggestions.length === 0 ? ["no operation of the policy in force was called by an authenticated caller"] : []),
    ...(body.isComplete ? [] : ["there are more operations: name a --service"]),
    ...(body.requestsUnlisted > 0 ? [`of ${body.requestsUnlisted} requests no peak could be kept`] : []),
  ];
  return [line(head), ...lines, ...notes].join("\n");
}

function row(one: LimitSuggestion, body: LimitSuggestions): string[] {
  const { minute } = one;
  const quantiles = [minute?.p50, minute?.p90, minute?.p99].map((quantile) =>
    quantile === undefined ? "-" : `${quantile.value} (${quantile.low ?? "0"}–${quantile.high ?? "∞"})`,
  );
  return [
    `${one.service} ${one.method} ${one.operation}`,
    String(one.callers),
    String(one.days),
    ...quantiles,
    minute === null ? "-" : String(minute.max),
    confidence(one),
    suggested(one, body),
  ];
}

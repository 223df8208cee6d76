import { quoted } from "../../worker/policy/problem.ts";
import type { LimitSuggestion, LimitSuggestions } from "../../worker/soc/limit-suggestions-schema.ts";
import type { AdminApi } from "../admin-api.ts";
import { counted } from "../policy-file.ts";

/** Options that say which suggestions. */
export const suggestionOptions = {
  service: { type: "string" },
  at: { type: "string" },
  "min-days": { type: "string" },
  "min-callers": { type: "string" },
} as const;

export const suggestionHelp = `  --at max     above the largest peak of a caller, which is the default, or p99: above the 99th percentile of their peaks
  --min-days N, --min-callers N   suggest nothing before so much is known of an operation: 7 days, 5 callers`;

type Asked = Partial<Record<keyof typeof suggestionOptions, string>>;

export async function fetchSuggestions(
  api: AdminApi,
  asked: Asked,
): Promise<{ ok: true; body: LimitSuggestions } | { ok: false; message: string }> {
  const given = { service: asked.service, at: asked.at, minDays: asked["min-days"], minCallers: asked["min-callers"] };
  const query = new URLSearchParams(Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
  const answer = await api.call("GET", `/limits/suggestions?${query}`);
  return answer.ok ? { ok: true, body: answer.body as LimitSuggestions } : answer;
}

/** `630/1m, burst 770`, or what is missing. */
export function suggested(one: LimitSuggestion, { minDays, minCallers }: LimitSuggestions): string {
  if (one.limit !== null) return `${one.limit.rate}, burst ${one.limit.burst}`;
  if (one.state === "out_of_range") return "none: more than a policy can say";
  return `not enough yet: ${one.days} of ${minDays} days, ${one.callers} of ${minCallers} callers`;
}

/** What a reader of the suggestion must know before it is followed. */
export function remarks(one: LimitSuggestion): string[] {
  const { largest, minute } = one;
  const lines: string[] = [];
  if (one.leftOut > 0) lines.push(`${counted(one.leftOut, "caller")} of whose requests most were refused: left out`);
  if (minute !== null && one.asked > minute.max) lines.push(`with what was refused, the largest minute asked for ${one.asked}`);
  if (one.limit !== null && !one.coversMonth)
    lines.push(`${one.days} days hold no whole month: what comes monthly may be missing`);
  if (one.callersAbove > 0) {
    const names = one.above.map((caller) => `${callerText(caller)} (${caller.minute})`);
    const more = one.callersAbove > names.length ? `, and ${one.callersAbove - names.length} more` : "";
    lines.push(`above it, and might be refused: ${names.join(", ")}${more}`);
  }
  if (largest !== null)
    lines.push(`the largest minute is of ${callerText(largest)}: ${largest.minute}, ${largest.burst} of them in 10 s`);
  return lines;
}

/** The probability as a bound, in per cent. */
export function confidence({ exceedance, callers }: LimitSuggestion): string {
  return callers === 0 ? "-" : `≤ ${(exceedance * 100).toPrecision(2)} %`;
}

/** A principal may be any text. */
function callerText({ authenticator, principal }: { authenticator: string; principal: string }): string {
  return `${authenticator} ${quoted(principal)}`;
}

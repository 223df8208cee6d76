import { KEY_HEADERS } from "../../wasm/abi.ts";
import { limitKindFindings } from "./check-limit-kinds.ts";
import { claimOf, type Draft, type DraftLimit, type DraftOperation, type Mention } from "./draft.ts";
import { defaultBurst } from "./limit-terms.ts";
import { type Finding, quoted } from "./problem.ts";
import { readLimitRate } from "./quantity.ts";

const MAX_REFILL_SECONDS = 366 * 86_400;

/**
 * What no single field of a limit can say.
 *
 * Codes: those of check-limit-kinds.ts, burst_too_large, duplicate_entry, limit_parameter_missing, cost_above_burst, too_many_limit_headers.
 */
export function limitFindings(draft: Draft): Finding[] {
  return [
    ...draft.limits.flatMap(limitKindFindings),
    ...draft.limits.flatMap(burstFindings),
    ...draft.limits.flatMap(repeatedParts),
    ...parameterFindings(draft),
    ...costFindings(draft),
    ...headerFindings(draft.limits),
  ];
}

/** Claims that limits count by. */
export function claimNames(limits: readonly DraftLimit[]): string[] {
  return limits.flatMap(({ by }) => by.map(({ name }) => claimOf(name)).filter((claim) => claim !== ""));
}

/** A key that was silent has its whole burst back after burst × window / count: longer than a year says nothing. */
function burstFindings({ windows }: DraftLimit): Finding[] {
  return windows.flatMap(({ rate, burst, burstPath }) => {
    const read = readLimitRate(rate);
    if (!read.ok || typeof burst !== "number") return [];
    const { count, windowSeconds } = read.value;
    const most = Math.floor((MAX_REFILL_SECONDS * count) / windowSeconds);
    if (burst <= most) return [];
    const message = "this burst takes more than a year to come back at this rate";
    return [{ path: burstPath, code: "burst_too_large", message, expected: `at most ${most}`, found: String(burst) }];
  });
}

function repeatedParts({ by }: DraftLimit): Finding[] {
  return by.flatMap(({ path, name }, index) => {
    if (by.findIndex((other) => other.name === name) === index) return [];
    const message = `${quoted(name)} stands here twice`;
    return [{ path, code: "duplicate_entry", message, expected: "each part once", found: quoted(name) }];
  });
}

/** A limit by a parameter that an operation does not have would count something else there. */
function parameterFindings({ limits, services }: Draft): Finding[] {
  const parameters = new Map(
    limits.flatMap(({ name, by }) => (name === null ? [] : [[name.name, by.flatMap(({ name: part }) => parameterOf(part))]])),
  );
  return services.flatMap((service) =>
    service.operations.flatMap((operation) =>
      [...service.limits, ...operation.limits].flatMap((limit) => missing(operation, limit, parameters.get(limit.name) ?? [])),
    ),
  );
}

function missing({ path, template }: DraftOperation, limit: Mention, parameters: readonly string[]): Finding[] {
  if (template === null) return [];
  const own = template.segments.flatMap((segment) => (segment.kind === "parameter" ? [segment.name] : []));
  return parameters
    .filter((parameter) => !own.includes(parameter))
    .map((parameter) => ({
      path,
      code: "limit_parameter_missing",
      message: `the limit ${quoted(limit.name)} counts by {${parameter}}, which this operation does not have`,
      expected: `a path with {${parameter}}`,
      found: template.text,
    }));
}

/** What costs more than the whole burst is never admitted. */
function costFindings({ limits, services }: Draft): Finding[] {
  const bursts = new Map(limits.flatMap((limit) => (limit.name === null ? [] : [[limit.name.name, leastBurst(limit)]])));
  return services.flatMap((service) =>
    service.operations.flatMap(({ path, cost, limits: own }) => {
      if (typeof cost !== "number") return [];
      return [...service.limits, ...own]
        .filter(({ name }) => cost > (bursts.get(name) ?? Number.POSITIVE_INFINITY))
        .map(({ name }) => ({
          path: [...path.slice(0, -1), "cost"],
          code: "cost_above_burst",
          message: `the limit ${quoted(name)} would never admit it`,
          expected: `at most its burst, ${bursts.get(name)}`,
          found: String(cost),
        }));
    }),
  );
}

/** Of those that an operation's cost has to fit into. */
function leastBurst({ windows, counts, scope }: DraftLimit): number {
  if (counts.startsWith("bytes")) return Number.POSITIVE_INFINITY;
  const bursts = windows.map(({ rate, burst }) => {
    const read = readLimitRate(rate);
    if (typeof burst === "number") return burst;
    const wide = scope === "region" || scope === "global";
    return read.ok ? defaultBurst(read.value, { bytes: false, wide }) : Number.POSITIVE_INFINITY;
  });
  return Math.min(Number.POSITIVE_INFINITY, ...bursts);
}

function parameterOf(part: string): string[] {
  const name = /^parameter:([A-Za-z_]\w{0,63})$/.exec(part)?.[1];
  return name === undefined ? [] : [name];
}

function headerFindings(limits: readonly DraftLimit[]): Finding[] {
  const headers = new Set(
    limits.flatMap(({ by }) => by.flatMap(({ name }) => (name.startsWith("header:") ? [name.toLowerCase()] : []))),
  );
  if (headers.size <= KEY_HEADERS) return [];
  const message = "limits together can count by so many different headers only";
  return [
    {
      path: ["limits"],
      code: "too_many_limit_headers",
      message,
      expected: `at most ${KEY_HEADERS}`,
      found: String(headers.size),
    },
  ];
}

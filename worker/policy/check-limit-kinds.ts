import type { DraftLimit } from "./draft.ts";
import { type Finding, quoted } from "./problem.ts";
import { readLimitRate } from "./quantity.ts";

const kinds = ["rate", "concurrent", "quota"];

/**
 * Which fields of a limit go together.
 *
 * Codes: limit_kind_missing, limit_kind_conflict, limit_unsupported, limit_field_misplaced, rate_unit_mismatch, duplicate_entry, penalty_too_short.
 */
export function limitKindFindings(limit: DraftLimit): Finding[] {
  const named = kinds.filter((kind) => limit.fields.includes(kind));
  if (named.length !== 1) return [kindFinding(limit, named)];
  const findings = [...misplaced(limit), ...windowFindings(limit), ...penaltyFindings(limit)];
  return findings.length > 0 ? findings : unsupported(limit);
}

function kindFinding({ path }: DraftLimit, named: string[]): Finding {
  const expected = "one of rate, concurrent and quota";
  if (named.length === 0) {
    return { path, code: "limit_kind_missing", message: "this limit says nothing of how much", expected, found: "none" };
  }
  const message = "a limit is of one kind: write another limit for the other";
  return { path, code: "limit_kind_conflict", message, expected, found: named.join(" and ") };
}

/** A field, when it has no meaning, and what it needs. */
type Rule = [field: string, isMisplaced: (limit: DraftLimit) => boolean, expected: string];

const has = (field: string) => (limit: DraftLimit) => limit.fields.includes(field);
const isWide = (limit: DraftLimit) =>
  limit.scope === "region" || limit.scope === "global" || (limit.scope === "" && has("quota")(limit));
const isDeferred = (limit: DraftLimit) => limit.counts === "upstream-cost" || limit.counts.startsWith("bytes");

const rules: Rule[] = [
  ["burst", (limit) => !has("rate")(limit), "a rate"],
  ["burst", (limit) => limit.windows.length > 1, "one rate: a list has a burst for each, as in {rate: 10/1s, burst: 5}"],
  ["hold", (limit) => !has("concurrent")(limit), "concurrent"],
  ["timezone", (limit) => !has("quota")(limit), "a quota"],
  ["counts", (limit) => has("concurrent")(limit) && limit.counts !== "requests", "a rate or a quota"],
  ["scope", (limit) => has("concurrent")(limit) && isWide(limit), "isolate: requests in flight are counted where they are"],
  ["scope", (limit) => has("quota")(limit) && limit.scope === "isolate", "region or global: no isolate lives so long"],
  ["strict", (limit) => limit.strict && isWide(limit) && isDeferred(limit), "requests, whose number is known before they pass"],
  ["strict", (limit) => limit.strict && has("concurrent")(limit), "a rate or a quota"],
  ["firstContact", (limit) => !isWide(limit), "a scope of region or global"],
  ["firstContact", (limit) => limit.strict, "a limit that is not strict"],
  ["whenAway", (limit) => !isWide(limit), "a scope of region or global"],
  ["penalty", (limit) => limit.mode === "shadow", "a limit that is enforced"],
];

function misplaced(limit: DraftLimit): Finding[] {
  return rules
    .filter(([field, isMisplaced]) => has(field)(limit) && isMisplaced(limit))
    .map(([field, , expected]) => ({
      path: [...limit.path, field],
      code: "limit_field_misplaced",
      message: `${quoted(field)} means nothing here`,
      expected,
      found: quoted(field),
    }));
}

/** What the format has words for and the core does not do yet: nobody shall believe that it holds. */
function unsupported(limit: DraftLimit): Finding[] {
  const fields = [
    ...["concurrent", "quota"].filter((field) => has(field)(limit)),
    ...(isDeferred(limit) ? ["counts"] : []),
    ...(isWide(limit) && has("scope")(limit) ? ["scope"] : []),
  ];
  return fields.map((field) => ({
    path: [...limit.path, field],
    code: "limit_unsupported",
    message: `${quoted(field)} cannot be enforced yet`,
    expected: "a rate of requests in each isolate",
    found: quoted(field),
  }));
}

function windowFindings({ windows, counts }: DraftLimit): Finding[] {
  const read = windows.map(({ path, rate }) => ({ path, text: rate, rate: readLimitRate(rate) }));
  const countsBytes = counts.startsWith("bytes");
  return read.flatMap(({ path, text, rate }, index) => {
    if (!rate.ok) return [];
    const { windowSeconds, bytes } = rate.value;
    if (bytes !== countsBytes) {
      const expected = countsBytes ? "bytes, such as 10MB/1m" : "a number without unit, or counts: bytes";
      const message = "the rate's unit is not what the limit counts";
      return [{ path, code: "rate_unit_mismatch", message, expected, found: quoted(text) }];
    }
    const isFirst = read.findIndex((other) => other.rate.ok && other.rate.value.windowSeconds === windowSeconds) === index;
    if (isFirst) return [];
    const message = "another rate has the same window";
    return [{ path, code: "duplicate_entry", message, expected: "each window once", found: quoted(text) }];
  });
}

function penaltyFindings({ path, penalty }: DraftLimit): Finding[] {
  if (penalty === null || penalty.most >= penalty.block) return [];
  const message = "the longest block is shorter than the first";
  const found = `${penalty.most} ms`;
  return [
    { path: [...path, "penalty", "most"], code: "penalty_too_short", message, expected: `at least ${penalty.block} ms`, found },
  ];
}

import type { Overview, RegionSeries } from "../api-types.ts";
import { formatAge, formatCount, formatPercent } from "../format.ts";
import { regionName } from "../region-names.ts";
import { type FilterKey, rangeWords } from "../view/url-state.ts";

/** A run of the sentence; a noun with a filter is a link to the events it names. */
export interface Phrase {
  text: string;
  tone?: "refuse" | "shadow" | "warn";
  filter?: { key: FilterKey; value: string };
}

export interface Headline {
  state: "no-policy" | "no-requests" | "quiet" | "failing" | "refusing";
  first: Phrase[];
  second: Phrase[];
}

/** Below this share refusals are the ordinary background. */
const QUIET_SHARE = 0.01;
/** A region with fewer requests supports no statement about its share. */
const REGION_REQUESTS_MIN = 50;
/** "Mostly" and "apart from the rest" mean at least this share and this ratio. */
const MOSTLY = 0.5;
const APART = 2;
const CHANGED = 1.5;
const TRAFFIC_CHANGED = 1.3;
/** Two-sided false alarm of one in a thousand for each comparison. */
const Z_LIMIT = 3.29;
const SILENT_MS = 60_000;

/**
 * The page in words: what is refused, where and mostly whose, then how the rest compares. Every statement is a rule over the
 * overview; what the data cannot support is left out.
 */
export function describeOverview(overview: Overview, nowMs: number): Headline {
  const { totals, policy } = overview;
  if (policy.version === 0) {
    return {
      state: "no-policy",
      first: [{ text: "No policy yet: every request is refused." }],
      second: [{ text: "Publish one, and it is in force within two seconds." }],
    };
  }
  if (totals.requests === 0) return describeNothing(overview, nowMs);
  const failing = totals.upstreamFailures > totals.refused && totals.upstreamFailures >= QUIET_SHARE * totals.requests;
  if (failing) return describeFailing(overview, nowMs);
  const worst = worstRegion(overview.regions);
  if (totals.refused < QUIET_SHARE * totals.requests && !worst) return describeQuiet(overview, nowMs);
  return describeRefusing(overview, worst, nowMs);
}

function describeNothing(overview: Overview, nowMs: number): Headline {
  if (overview.telemetry.reported === 0) {
    return {
      state: "no-requests",
      first: [{ text: "No requests yet." }],
      second: [{ text: "Send one, and it shows here within seconds:" }],
    };
  }
  const last = Math.max(...overview.regions.map(({ lastReportMs }) => lastReportMs ?? 0), 0);
  const second = last > 0 ? [{ text: `The last report came ${formatAge(nowMs - last)} ago.` }] : [];
  return { state: "no-requests", first: [{ text: `No requests in the last ${rangeWords(overview.range.name)}.` }], second };
}

function describeQuiet(overview: Overview, nowMs: number): Headline {
  const { requests, refused } = overview.totals;
  const share = refused === 0 ? "none refused" : `${formatPercent(refused, requests)} refused`;
  const facts = `${formatCount(requests)} requests in the last ${rangeWords(overview.range.name)}, ${share}.`;
  return {
    state: "quiet",
    first: [{ text: "All quiet." }],
    second: sentences([{ text: facts }, ...comparison(overview), ...asides(overview, nowMs)]),
  };
}

function describeFailing(overview: Overview, nowMs: number): Headline {
  const { requests, refused, upstreamFailures } = overview.totals;
  return {
    state: "failing",
    first: [
      { text: "Upstreams fail " },
      { text: formatPercent(upstreamFailures, requests), tone: "warn" },
      { text: " of requests." },
    ],
    second: sentences([
      { text: `Picket itself refuses ${formatPercent(refused, requests)}.` },
      ...comparison(overview),
      ...asides(overview, nowMs),
    ]),
  };
}

function describeRefusing(overview: Overview, worst: RegionSeries | undefined, nowMs: number): Headline {
  const { totals } = overview;
  const scope = worst ?? totals;
  const whose = dominantPrincipal(overview, scope.refused);
  const why = dominantReason(overview, scope.refused);
  const subject: Phrase = worst
    ? { text: regionName(worst.region), filter: { key: "region", value: worst.region } }
    : { text: "Picket" };
  const share: Phrase = { text: shareOrCount(scope), tone: "refuse" };
  const cause = whose ?? why;
  const first = [subject, { text: " refuses " }, share, ...(cause ? [{ text: ", mostly " }, ...cause] : []), { text: "." }];
  const second: Phrase[] = [];
  if (whose && why) second.push({ text: "Mostly " }, ...why, { text: "." });
  if (!why) second.push(...commonestReason(overview));
  if (worst) {
    const requests = totals.requests - worst.requests;
    second.push({ text: `Elsewhere ${formatPercent(totals.refused - worst.refused, requests)} is refused.` });
  }
  return { state: "refusing", first, second: sentences([...second, ...comparison(overview), ...asides(overview, nowMs)]) };
}

/** Few requests are told as they are: "3 of 12 requests", not "25 %". */
function shareOrCount({ requests, refused }: { requests: number; refused: number }): string {
  return requests < REGION_REQUESTS_MIN ? `${refused} of ${requests} requests` : formatPercent(refused, requests);
}

/** The region whose share of refusals stands apart from all others taken together, or undefined. */
function worstRegion(regions: readonly RegionSeries[]): RegionSeries | undefined {
  const speaking = regions.filter(({ requests }) => requests >= REGION_REQUESTS_MIN);
  if (speaking.length < 2) return;
  const worst = speaking.reduce((a, b) => (b.refused / b.requests > a.refused / a.requests ? b : a));
  if (worst.refused < QUIET_SHARE * worst.requests) return;
  const rest = { requests: 0, refused: 0 };
  for (const region of regions) {
    if (region === worst) continue;
    rest.requests += region.requests;
    rest.refused += region.refused;
  }
  return worst.refused / worst.requests >= APART * (rest.refused / rest.requests) && differs(worst, rest) ? worst : undefined;
}

/**
 * The principal behind at least half of the refusals in scope, surely: by its interval's lower end, and where the scope is one
 * region by inclusion–exclusion, since principals are counted over all regions.
 */
function dominantPrincipal(overview: Overview, refusedInScope: number): Phrase[] | undefined {
  const sums = new Map<string, { kind: string; low: number }>();
  for (const { principal, kind, refused } of overview.principals) {
    // One entry an operation: the sum of lower ends is no more than the lower end of the sum.
    if (principal !== "") sums.set(principal, { kind, low: (sums.get(principal)?.low ?? 0) + refused.low });
  }
  for (const [principal, { kind, low }] of sums) {
    if (!isMostOf(low, overview.totals.refused, refusedInScope)) continue;
    return [
      { text: `one ${kind || "principal"}: ` },
      { text: principal, tone: "refuse", filter: { key: "principal", value: principal } },
    ];
  }
}

/** No reason stands for most: the most frequent one, and how little of all it is. */
function commonestReason({ reasons, totals }: Overview): Phrase[] {
  const top = reasons.find(({ verdict }) => verdict === "refuse");
  if (!top || totals.refused === 0) return [];
  const name: Phrase = { text: top.reason, tone: "refuse", filter: { key: "reason", value: top.reason } };
  return [{ text: "Most frequent: " }, name, { text: `, ${formatPercent(top.requests, totals.refused)} of all refusals.` }];
}

function dominantReason(overview: Overview, refusedInScope: number): Phrase[] | undefined {
  const counts = new Map<string, number>();
  for (const { reason, verdict, requests } of overview.reasons) {
    if (verdict === "refuse") counts.set(reason, (counts.get(reason) ?? 0) + requests);
  }
  for (const [reason, requests] of counts) {
    if (isMostOf(requests, overview.totals.refused, refusedInScope))
      return [{ text: reason, tone: "refuse", filter: { key: "reason", value: reason } }];
  }
}

/** Whether `part` of `all` makes up most of `scope` ⊆ `all` even if all that is outside of it lies outside of the scope. */
function isMostOf(part: number, all: number, scope: number): boolean {
  return scope > 0 && part - (all - scope) >= MOSTLY * scope;
}

/** How refusals and traffic compare with the same length of time before; nothing where there is nothing to compare with. */
function comparison({ previous, totals, range, telemetry }: Overview): Phrase[] {
  if (!previous || previous.requests === 0) return [];
  const before = `the ${rangeWords(range.name)} before`;
  const said: Phrase[] = [];
  const [now, then] = [totals.refused / totals.requests, previous.refused / previous.requests];
  if (differs(totals, previous) && (now >= CHANGED * then || then >= CHANGED * now)) {
    said.push({
      text: `Refusals are ${now > then ? "up" : "down"} from ${formatPercent(previous.refused, previous.requests)} in ${before}.`,
    });
  }
  // Traffic compares only where the time before was wholly observed: Picket has reported requests from still earlier.
  const observed = telemetry.reported > 1.02 * (previous.requests + totals.requests);
  const ratio = totals.requests / previous.requests;
  if (
    observed &&
    Math.abs(totals.requests - previous.requests) > 100 &&
    (ratio >= TRAFFIC_CHANGED || ratio <= 1 / TRAFFIC_CHANGED)
  ) {
    const share = formatPercent(Math.abs(totals.requests - previous.requests), previous.requests);
    const change = ratio >= 2 ? `${ratio.toFixed(1)} times what it was` : `${ratio > 1 ? "up" : "down"} ${share}`;
    said.push({ text: `Traffic is ${change}.` });
  }
  return said.length > 0 || !observed ? said : [{ text: `Otherwise as in ${before}.` }];
}

/** Shadow rules at work and regions that went silent. */
function asides({ totals, regions }: Overview, nowMs: number): Phrase[] {
  const said: Phrase[] = [];
  if (totals.shadow >= QUIET_SHARE * totals.requests) {
    said.push({
      text: `Shadow rules would refuse ${formatPercent(totals.shadow, totals.requests)} more.`,
      tone: "shadow",
      filter: { key: "verdict", value: "shadow" },
    });
  }
  for (const { region, requests, lastReportMs } of regions) {
    if (requests === 0 || lastReportMs === null || nowMs - lastReportMs < SILENT_MS) continue;
    said.push({
      text: `${regionName(region)} has been silent for ${formatAge(nowMs - lastReportMs)}.`,
      tone: "warn",
      filter: { key: "region", value: region },
    });
  }
  return said;
}

/** Two-proportion z-test on refused of requests. */
function differs(a: { requests: number; refused: number }, b: { requests: number; refused: number }): boolean {
  if (a.requests === 0 || b.requests === 0) return false;
  const pooled = (a.refused + b.refused) / (a.requests + b.requests);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / a.requests + 1 / b.requests));
  return deviation > 0 && Math.abs(a.refused / a.requests - b.refused / b.requests) > Z_LIMIT * deviation;
}

/** A space after every full stop that is followed by another sentence. */
function sentences(phrases: Phrase[]): Phrase[] {
  return phrases.map((phrase, index) =>
    index < phrases.length - 1 && phrase.text.endsWith(".") ? { ...phrase, text: `${phrase.text} ` } : phrase,
  );
}

/** The whole as plain text, for the document's title and for those who listen. */
export function headlineText({ first, second }: Headline): string {
  return [first, second]
    .map((phrases) => phrases.map(({ text }) => text).join(""))
    .join(" ")
    .trim();
}

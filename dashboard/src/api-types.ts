// The SOC API as the console reads it: its own types, by the names that the console gives to their parts. Times in ms since
// 1970, counts in requests.
import type { LiveHello, LiveTick } from "../../worker/region/live-message.ts";
import type { PulseStep } from "../../worker/region/pulse.ts";
import type { SampledEvent } from "../../worker/region/report.ts";
import type { Overview as ApiOverview } from "../../worker/soc/overview-schema.ts";

export type { PrincipalDetail } from "../../worker/soc/principal-schema.ts";
export type { CallerSummary, CallersPage } from "../../worker/soc/principals-schema.ts";
export type { Finding, FindingCode } from "../../worker/soc/privilege-findings.ts";

export type Overview = ApiOverview;
export type TimeRange = Overview["range"];
export type RegionSeries = Overview["regions"][number];
export type OperationTotals = Overview["operations"][number];
export type ReasonTotals = Overview["reasons"][number];
export type PrincipalTotals = Overview["principals"][number];
export type Telemetry = Overview["telemetry"];

/** An estimate from samples with its 95 % interval. */
export type Estimate = PrincipalTotals["refused"];

/** What a region saw in one step; null in a series where the region did not report. */
export type Step = PulseStep;

/** A request's record, kept with a known probability; it stands for max(weight, threshold) requests of its stratum. */
export type LiveEvent = SampledEvent;
export type Verdict = LiveEvent["verdict"];

export type LiveMessage = LiveHello | LiveTick;

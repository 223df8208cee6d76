import { formatAge } from "../format.ts";
import type { StreamState } from "./region-stream.ts";

/** How fresh the page is, as its top bar says it. */
export interface Freshness {
  state: "live" | "quiet" | "stale" | "offline" | "starting";
  text: string;
}

/** Without a message for so long an open stream is called quiet: no region had anything to report. */
const QUIET_MS = 10_000;

/** `heardMs`: server time of each region's last message; `nowMs`: server time now; `overviewMs`: when the overview was made. */
export function describeFreshness(
  streams: readonly { state: StreamState; heardMs: number | null }[],
  overviewMs: number | null,
  online: boolean,
  nowMs: number,
): Freshness {
  const newest = Math.max(overviewMs ?? 0, ...streams.map(({ heardMs }) => heardMs ?? 0));
  const age = formatAge(nowMs - newest);
  if (!online) return { state: "offline", text: newest > 0 ? `offline, ${age} old` : "offline" };
  const down = streams.filter(({ state }) => state === "waiting").length;
  if (down > 0) {
    const which = down === streams.length ? "reconnecting" : `${down} of ${streams.length} regions reconnecting`;
    return { state: "stale", text: newest > 0 ? `${which}, ${age} old` : which };
  }
  const ages = streams.flatMap(({ heardMs }) => (heardMs === null ? [] : [nowMs - heardMs]));
  if (ages.length === 0) return { state: "starting", text: "connecting" };
  const recent = ages.filter((ms) => ms < QUIET_MS);
  if (recent.length === 0) return { state: "quiet", text: `live, quiet for ${formatAge(Math.min(...ages))}` };
  return { state: "live", text: `live, ${formatAge(Math.max(...recent))} behind` };
}

import { describe, expect, it } from "vitest";
import type { Overview } from "../../dashboard/src/api-types.ts";
import { describeOverview, headlineText } from "../../dashboard/src/overview/headline.ts";

const NOW = 1_800_000_000_000;

function region(name: string, requests: number, refused: number, lastReportMs: number | null = NOW - 700) {
  return { region: name, requests, refused, lastReportMs, series: [] };
}

function overview(change: Partial<Overview> = {}, regions = [region("weur", 30_000, 90), region("enam", 20_000, 60)]): Overview {
  const sum = (read: (item: { requests: number; refused: number }) => number) =>
    regions.reduce((total, item) => total + read(item), 0);
  const requests = sum((item) => item.requests);
  const refused = sum((item) => item.refused);
  return {
    range: { name: "5m", fromMs: NOW - 300_000, toMs: NOW, stepMs: 2000 },
    generatedMs: NOW,
    totals: { requests, refused, shadow: 0, upstreamFailures: 0, p95Ms: 20, principals: null },
    previous: null,
    regions,
    operations: [],
    reasons: [],
    principals: [],
    policy: { version: 3, publishedMs: NOW - 1e6 },
    telemetry: { reported: 1e6, stored: 1e6, dropped: 0, pending: 0 },
    ...change,
  };
}

const say = (data: Overview) => headlineText(describeOverview(data, NOW)).replaceAll("\u202f", " ");
const attack = [region("weur", 30_000, 90), region("enam", 20_000, 1400), region("apac", 8_000, 24)];
const refused = 1514;

describe("the headline", () => {
  it("says that all is quiet, with the figures", () => {
    expect(say(overview())).toBe("All quiet. 50,000 requests in the last 5 minutes, 0.3 % refused.");
  });

  it("says none where none was refused", () => {
    expect(say(overview({}, [region("weur", 10, 0)]))).toBe("All quiet. 10 requests in the last 5 minutes, none refused.");
  });

  it("names the region that stands apart, the principal behind it, and the rest", () => {
    const data = overview(
      {
        principals: [
          {
            principal: "acme-sync",
            kind: "service",
            authenticator: "a",
            operation: "/a",
            method: "GET",
            refused: { value: 1250, low: 1200, high: 1300 },
          },
        ],
        reasons: [{ reason: "rate_limited", verdict: "refuse", service: "fleet", operation: "/a", requests: 1300 }],
        previous: { requests: 58_000, refused: 290 },
      },
      attack,
    );
    expect(say(data)).toBe(
      "Eastern North America refuses 7.0 %, mostly one service: acme-sync. " +
        "Mostly rate_limited. Elsewhere 0.3 % is refused. Refusals are up from 0.5 % in the 5 minutes before.",
    );
    expect(describeOverview(data, NOW).first.flatMap(({ filter }) => filter ?? [])).toEqual([
      { key: "region", value: "enam" },
      { key: "principal", value: "acme-sync" },
    ]);
  });

  it("blames a region's refusals on nobody whose refusals may lie elsewhere", () => {
    // 780 of 1514 is most of all; but 114 of them may be of other regions, and 666 of 1400 is not most of the region's.
    const principals = [
      {
        principal: "p",
        kind: "device",
        authenticator: "a",
        operation: "/a",
        method: "GET",
        refused: { value: 800, low: 780, high: 820 },
      },
    ];
    expect(say(overview({ principals }, attack))).not.toContain("mostly one device");
    const surely = [
      {
        principal: "p",
        kind: "device",
        authenticator: "a",
        operation: "/a",
        method: "GET",
        refused: { value: 840, low: 815, high: 865 },
      },
    ];
    expect(say(overview({ principals: surely }, attack))).toContain("mostly one device: p");
  });

  it("adds up what one principal was refused at several operations", () => {
    const at = (operation: string) => ({
      principal: "p",
      kind: "",
      authenticator: "a",
      operation,
      method: "GET",
      refused: { value: 500, low: 450, high: 550 },
    });
    expect(say(overview({ principals: [at("/a"), at("/b")] }, attack))).toContain("mostly one principal: p");
  });

  it("takes a principal's lower end, not its estimate", () => {
    const wide = [
      {
        principal: "p",
        kind: "user",
        authenticator: "a",
        operation: "/a",
        method: "GET",
        refused: { value: 1400, low: 200, high: 2600 },
      },
    ];
    expect(say(overview({ principals: wide }, attack))).not.toContain("mostly");
  });

  it("falls back to the reason where no principal dominates, and never counts shadow as refused", () => {
    const reasons = [
      { reason: "grant_missing", verdict: "shadow" as const, service: "f", operation: "/a", requests: 9000 },
      { reason: "token_expired", verdict: "refuse" as const, service: "f", operation: "/a", requests: refused },
    ];
    expect(say(overview({ reasons }, attack))).toMatch(/^Eastern North America refuses 7\.0 %, mostly token_expired\./);
  });

  it("names the most frequent reason where none stands for most", () => {
    const reason = (name: string, requests: number) => ({
      reason: name,
      verdict: "refuse" as const,
      service: "f",
      operation: "/a",
      requests,
    });
    const reasons = [reason("rate_limited", 600), reason("token_expired", 500), reason("scope_missing", 414)];
    expect(say(overview({ reasons }, attack))).toContain("Most frequent: rate_limited, 40 % of all refusals. Elsewhere");
  });

  it("speaks of Picket where regions are alike or there is only one", () => {
    expect(say(overview({}, [region("weur", 1000, 70), region("enam", 1000, 65)]))).toMatch(/^Picket refuses 6\.8 %\./);
    expect(say(overview({}, [region("local", 1000, 70)]))).toMatch(/^Picket refuses 7\.0 %\./);
  });

  it("tells few requests as they are, and makes no statement about a region from a handful", () => {
    expect(say(overview({}, [region("local", 12, 3)]))).toMatch(/^Picket refuses 3 of 12 requests\./);
    expect(say(overview({}, [region("weur", 5000, 5), region("enam", 20, 10)]))).toMatch(/^All quiet\./);
  });

  it("puts failing upstreams before refusals when they fail more", () => {
    const data = overview();
    data.totals.upstreamFailures = 6000;
    expect(say(data)).toBe("Upstreams fail 12 % of requests. Picket itself refuses 0.3 %.");
  });

  it("tells nothing yet from nothing lately and from no policy", () => {
    const none = [region("weur", 0, 0, null)];
    const telemetry = { reported: 0, stored: 0, dropped: 0, pending: 0 };
    expect(say(overview({ telemetry }, none))).toMatch(/^No requests yet\./);
    expect(say(overview({}, [region("weur", 0, 0, NOW - 720_000)]))).toBe(
      "No requests in the last 5 minutes. The last report came 12 min ago.",
    );
    expect(say(overview({ policy: { version: 0, publishedMs: 0 } }, none))).toMatch(/^No policy yet: every request is refused\./);
  });

  it("mentions a region that went silent, but not one that never spoke", () => {
    const data = overview({}, [region("weur", 1000, 2), region("apac", 400, 1, NOW - 190_000), region("oc", 0, 0, null)]);
    expect(say(data)).toContain("Asia-Pacific has been silent for 3 min.");
    expect(say(data)).not.toContain("Oceania");
  });

  it("compares traffic only with a time that was wholly observed", () => {
    const previous = { requests: 20_000, refused: 60 };
    expect(say(overview({ previous }))).toContain("Traffic is 2.5 times what it was.");
    expect(say(overview({ previous: { requests: 35_000, refused: 105 } }))).toContain("Traffic is up 43 %.");
    expect(say(overview({ previous: { requests: 80_000, refused: 240 } }))).toContain("Traffic is down 38 %.");
    const telemetry = { reported: 70_000, stored: 70_000, dropped: 0, pending: 0 };
    expect(say(overview({ previous, telemetry }))).not.toContain("Traffic");
    expect(say(overview({ previous: { requests: 49_000, refused: 150 } }))).toContain("Otherwise as in the 5 minutes before.");
  });

  it("mentions shadow rules from one in a hundred", () => {
    const data = overview();
    data.totals.shadow = 400;
    expect(say(data)).not.toContain("Shadow");
    data.totals.shadow = 1000;
    expect(say(data)).toContain("Shadow rules would refuse 2.0 % more.");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LiveEvent } from "../../dashboard/src/api-types.ts";
import { readLiveMessage } from "../../dashboard/src/client.ts";
import { reconnectDelayMs } from "../../dashboard/src/live/backoff.ts";
import { curlCommand } from "../../dashboard/src/live/curl.ts";
import { EventLog } from "../../dashboard/src/live/event-log.ts";
import { matchesFilters, operationLabel } from "../../dashboard/src/live/filter.ts";
import { describeFreshness } from "../../dashboard/src/live/freshness.ts";
import { commandOf } from "../../dashboard/src/live/keymap.ts";
import { PulseRing, RING_STEPS } from "../../dashboard/src/live/pulse-ring.ts";
import { RateMeter } from "../../dashboard/src/live/rate-meter.ts";
import { RegionStream, type StreamState } from "../../dashboard/src/live/region-stream.ts";
import { ServerClock } from "../../dashboard/src/live/server-clock.ts";

function event(id: number, change: Partial<LiveEvent> = {}): LiveEvent {
  return {
    id: id.toString(16).padStart(16, "0"),
    timeMs: 1_000_000 + id,
    region: "weur",
    verdict: "allow",
    reason: "",
    service: "fleet",
    method: "GET",
    operation: "/fleet/{id}",
    path: "/fleet/1",
    status: 200,
    latencyMs: 3,
    bytesIn: 0,
    bytesOut: 0,
    principal: "p",
    kind: "device",
    authenticator: "",
    limit: "",
    address: "",
    country: "",
    asn: 0,
    colo: "",
    stratum: 0,
    priority: 2,
    weight: 1,
    threshold: 0,
    ...change,
  };
}

describe("the event log", () => {
  it("keeps each id once, newest first, and no more than its bound, in whatever order and however often events come", () => {
    const batches = fc.array(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 20 }), { maxLength: 12 });
    fc.assert(
      fc.property(batches, (ids) => {
        const log = new EventLog(25);
        for (const batch of ids) log.add(batch.map((id) => event(id)));
        const shown = log.rows.map(({ timeMs }) => timeMs - 1_000_000);
        expect(shown).toEqual([...new Set(shown)].sort((a, b) => b - a));
        expect(shown.length).toBeLessThanOrEqual(25);
        // The newest that was ever offered is always there.
        const all = ids.flat();
        if (all.length > 0) expect(shown[0]).toBe(Math.max(...all));
      }),
    );
  });

  it("stands still while paused, counts what waits, and shows it afterwards", () => {
    const log = new EventLog(10);
    log.add([event(1), event(2)]);
    log.pause();
    log.add([event(3), event(2)]);
    log.add([event(3), event(4)]);
    expect(log.rows).toHaveLength(2);
    expect(log.waiting).toBe(2);
    log.resume();
    expect(log.rows.map(({ timeMs }) => timeMs - 1_000_000)).toEqual([4, 3, 2, 1]);
    expect(log.waiting).toBe(0);
  });

  it("holds a bounded number back and counts those that left unseen", () => {
    const log = new EventLog(10);
    log.pause();
    for (let id = 0; id < 25; id++) log.add([event(id)]);
    expect([log.waiting, log.unseen]).toEqual([10, 15]);
    log.resume();
    expect([log.rows.length, log.waiting, log.unseen]).toEqual([10, 0, 0]);
  });

  it("takes the later record of an event whose answer has come, even while paused", () => {
    const log = new EventLog(10);
    log.add([event(1, { status: null })]);
    log.pause();
    log.add([event(1, { status: 204 })]);
    log.add([event(1, { status: null })]);
    expect(log.rows[0]?.status).toBe(204);
  });
});

describe("the pulse ring", () => {
  const step = (requests: number) => ({ requests, refused: 0, shadow: 0 });

  it("takes absolute values, so that a repeated tick changes nothing", () => {
    const ring = new PulseRing();
    ring.replace({ stepMs: 2000, fromMs: 10_000, steps: [step(5), null, step(7)] });
    for (let time = 0; time < 2; time++) ring.update([{ t: 14_000, ...step(9) }]);
    expect(ring.sum(10_000, 16_000)).toEqual(step(14));
    expect(ring.sum(12_000, 14_000)).toBeNull();
    expect([ring.fromMs, ring.endMs]).toEqual([10_000, 16_000]);
  });

  it("is emptied by a hello and never grows beyond its bound", () => {
    const ring = new PulseRing();
    for (let index = 0; index < 3 * RING_STEPS; index++) ring.update([{ t: index * 2000, ...step(1) }]);
    expect(ring.sum(0, 6000 * RING_STEPS)).toEqual(step(RING_STEPS));
    expect(ring.sum(0, 2000)).toBeNull();
    ring.replace({ stepMs: 2000, fromMs: 0, steps: Array.from({ length: RING_STEPS + 5 }, () => step(1)) });
    expect(ring.fromMs).toBe(10_000);
    ring.replace({ stepMs: 2000, fromMs: 0, steps: [] });
    expect([ring.sum(0, 1e7), ring.endMs]).toEqual([null, 0]);
  });
});

describe("a region's stream", () => {
  function host() {
    const waits: { ms: number; then: () => void }[] = [];
    const sockets: Partial<WebSocket>[] = [];
    const states: StreamState[] = [];
    const messages: unknown[] = [];
    const stream = new RegionStream("weur", {
      open: () => {
        const socket: Partial<WebSocket> = { close: () => {} };
        sockets.push(socket);
        return socket as WebSocket;
      },
      after: (ms, then) => {
        waits.push({ ms, then });
        return () => {};
      },
      random: () => 0,
      onMessage: (message) => messages.push(message),
      onState: (_, state) => states.push(state),
    });
    const fail = () => (sockets.at(-1)?.onclose as (() => void) | undefined)?.();
    const say = (text: string) =>
      (sockets.at(-1)?.onmessage as ((event: { data: string }) => void) | undefined)?.({ data: text });
    return { stream, waits, sockets, states, messages, fail, say };
  }
  const hello = (region: string) =>
    JSON.stringify({ type: "hello", region, nowMs: 1, pulse: { stepMs: 2000, fromMs: 0, steps: [] }, events: [] });

  it("waits longer after each failure, and little again once the stream has spoken", () => {
    const { stream, waits, fail, say } = host();
    stream.start();
    for (let time = 0; time < 4; time++) {
      fail();
      waits.at(-1)?.then();
    }
    expect(waits.map(({ ms }) => ms)).toEqual([250, 500, 1000, 2000]);
    say(hello("weur"));
    fail();
    expect(waits.at(-1)?.ms).toBe(250);
  });

  it("drops what is malformed or of another region", () => {
    const { stream, messages, say } = host();
    stream.start();
    for (const text of ["", "{", "null", "[]", hello("enam"), '{"type":"tick","region":"weur"}']) say(text);
    expect(messages).toEqual([]);
    say(hello("weur"));
    expect(messages).toHaveLength(1);
  });

  it("does not come back once it was stopped", () => {
    const { stream, waits, sockets, fail } = host();
    stream.start();
    stream.stop();
    fail();
    expect([waits.length, sockets.length]).toEqual([0, 1]);
  });
});

it("backs off between half and whole of a doubling wait, at most 20 s", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const ceiling = Math.min(20_000, 500 * 2 ** Math.min(attempt, 10));
      const delay = reconnectDelayMs(attempt, random);
      expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delay).toBeLessThanOrEqual(ceiling);
    }),
  );
});

it("reads hello and tick and nothing else", () => {
  const tick = { type: "tick", region: "r", nowMs: 1, reported: 1, pulse: [], events: [event(1)], skipped: 2, policyVersion: 1 };
  expect(readLiveMessage(JSON.stringify(tick))).toEqual(tick);
  for (const change of [{ type: "other" }, { events: [{}] }, { pulse: 3 }, { nowMs: "1" }, { skipped: null }]) {
    expect(readLiveMessage(JSON.stringify({ ...tick, ...change }))).toBeUndefined();
  }
});

it("counts shown and seen a second over its window only", () => {
  const meter = new RateMeter(5000);
  meter.mark(0, 100, 900);
  meter.mark(4000, 10, 40);
  expect(meter.rates(4500)).toEqual({ shown: 22, seen: 210 });
  expect(meter.rates(6000)).toEqual({ shown: 2, seen: 10 });
});

it("knows the server's time by the shortest way seen, whatever the browser's clock says", () => {
  const clock = new ServerClock();
  clock.heard(1000, 9400);
  clock.heard(2000, 10_050);
  clock.heard(3000, 11_900);
  expect(clock.now(12_050)).toBe(4000);
});

describe("freshness", () => {
  const say = (...args: Parameters<typeof describeFreshness>) => {
    const { state, text } = describeFreshness(...args);
    return `${state}: ${text.replaceAll("\u202f", " ")}`;
  };

  it("is the oldest of the regions that speak", () => {
    const streams = [
      { state: "open" as const, heardMs: 99_100 },
      { state: "open" as const, heardMs: 99_800 },
      { state: "open" as const, heardMs: 20_000 },
    ];
    expect(say(streams, 98_000, true, 100_000)).toBe("live: live, 0.9 s behind");
  });

  it("tells quiet, reconnecting, offline and starting apart", () => {
    expect(say([{ state: "open", heardMs: 60_000 }], 99_000, true, 100_000)).toBe("quiet: live, quiet for 40 s");
    expect(say([{ state: "waiting", heardMs: 60_000 }], 70_000, true, 100_000)).toBe("stale: reconnecting, 30 s old");
    expect(
      say(
        [
          { state: "waiting", heardMs: null },
          { state: "open", heardMs: 99_900 },
        ],
        null,
        true,
        100_000,
      ),
    ).toBe("stale: 1 of 2 regions reconnecting, 0.1 s old");
    expect(say([], 70_000, false, 100_000)).toBe("offline: offline, 30 s old");
    expect(say([{ state: "connecting", heardMs: null }], null, true, 100_000)).toBe("starting: connecting");
  });
});

describe("curl", () => {
  it("quotes whatever the path holds as one argument", () => {
    expect(curlCommand({ method: "GET", path: "/a?b=1&c=$(id)" }, "http://h")).toBe("curl -i 'http://h/a?b=1&c=$(id)'");
    expect(curlCommand({ method: "POST", path: "/it's" }, "http://h")).toBe("curl -i -X POST 'http://h/it'\\''s'");
    expect(curlCommand({ method: "HEAD", path: "/" }, "http://h")).toBe("curl -i -I 'http://h/'");
  });

  it("is one line of visible characters, and takes no flags from the method", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (path, method) => {
        expect(curlCommand({ method, path: `/${path}` }, "http://h")).toMatch(/^[\x20-\x7e]+$/);
      }),
    );
    expect(curlCommand({ method: "GET; rm -rf /", path: "/a\n\u202e\ud800" }, "http://h")).toBe(
      "curl -i 'http://h/a%0A%E2%80%AE%EF%BF%BD'",
    );
  });
});

it("matches an event only where every filter does", () => {
  const one = event(1, { region: "enam", reason: "rate_limited", verdict: "refuse", principal: "acme" });
  expect(matchesFilters(one, {})).toBe(true);
  expect(matchesFilters(one, { region: "enam", reason: "rate_limited", operation: "GET /fleet/{id}" })).toBe(true);
  for (const filters of [
    { region: "weur" },
    { verdict: "allow" },
    { principal: "ac" },
    { operation: "/fleet/{id}" },
    { reason: "" },
  ]) {
    expect(matchesFilters(one, filters)).toBe(false);
  }
});

it("names an operation of any method by what it is, in the totals as in each event", () => {
  expect(operationLabel({ method: "*", operation: "(no service)" })).toBe(
    operationLabel({ method: "GET", operation: "(no service)" }),
  );
  expect(matchesFilters(event(1, { operation: "(undocumented)" }), { operation: "(undocumented)" })).toBe(true);
});

it("leaves keys with modifiers, typing and a focused control's own keys alone", () => {
  const press = (key: string, change = {}) =>
    commandOf({ key, ctrlKey: false, metaKey: false, altKey: false, onTyping: false, onControl: false, ...change });
  expect([press(" "), press("j"), press("Enter"), press("Escape"), press("x"), press("constructor")]).toEqual([
    "pause",
    "next",
    "open",
    "close",
    null,
    null,
  ]);
  expect([press("r", { ctrlKey: true }), press("t", { metaKey: true }), press("j", { onTyping: true })]).toEqual([
    null,
    null,
    null,
  ]);
  expect([press(" ", { onControl: true }), press("Enter", { onControl: true }), press("j", { onControl: true })]).toEqual([
    null,
    null,
    "next",
  ]);
});

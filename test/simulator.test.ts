import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../cli/random.ts";
import { cast } from "../cli/simulate/actors.ts";
import type { Ask } from "../cli/simulate/caller.ts";
import type { Origin } from "../cli/simulate/population.ts";
import { playTick } from "../cli/simulate/simulator.ts";

interface Sent {
  tick: number;
  from: Origin;
  ask: Ask;
}

const secrets = { tokens: "a secret of thirty-two bytes or so", fleet: "another secret of thirty-two bytes" };
const NOW_MS = Date.UTC(2026, 10, 24);

async function play(seed: number, ticks: number): Promise<Sent[]> {
  const sent: Sent[] = [];
  let tick = 0;
  const caller = {
    send: ({ region, address, country }: Origin, ask: Ask) => sent.push({ tick, from: { region, address, country }, ask }),
  };
  const random = seededRandom(seed);
  const actors = cast({ caller, random, regions: 3, devices: 60, secrets });
  for (; tick < ticks; tick++) await playTick(actors, random, tick, () => NOW_MS);
  return sent;
}

describe("the simulated callers", () => {
  const SECONDS = 60;
  let sent: Sent[];
  beforeAll(async () => {
    sent = await play(1, SECONDS * 10);
  });

  it("send the same for the same seed, and something else for another", async () => {
    expect(await play(1, 50)).toEqual(sent.filter(({ tick }) => tick < 50));
    expect(await play(2, 50)).not.toEqual(sent.filter(({ tick }) => tick < 50));
  });

  it("send 40 to 60 requests a second, from every region", () => {
    expect(sent.length / SECONDS).toBeGreaterThan(40);
    expect(sent.length / SECONDS).toBeLessThan(60);
    for (const region of [0, 1, 2]) expect(sent.filter(({ from }) => from.region === region).length).toBeGreaterThan(300);
  });

  it("keep each honest device under six readings a minute with three at once", () => {
    const turns = new Map<string, number[]>();
    for (const { tick, ask } of sent) {
      const device = /^\/fleet\/devices\/(dev-\d+)\/telemetry$/.exec(ask.path)?.[1];
      if (device !== undefined) turns.set(device, [...(turns.get(device) ?? []), tick]);
    }
    const counts = [...turns].filter(([device]) => device > "dev-0003").map(([, ticks]) => ticks.length);
    expect(counts).toHaveLength(60);
    expect(Math.max(...counts)).toBeLessThanOrEqual(6 + 3);
    expect(turns.get("dev-0000")?.length).toBeGreaterThan(60);
  });

  it("are sensors with CBOR Web Tokens, one in four; all with a token of their own", () => {
    const tokens = new Map(
      sent.flatMap(({ ask: { path, headers } }) => {
        const device = /^\/fleet\/devices\/(dev-\d+)\/telemetry$/.exec(path)?.[1];
        return device === undefined ? [] : [[device, headers?.Authorization ?? ""] as const];
      }),
    );
    const sensors = [...tokens].filter(([, token]) => !token.includes("."));
    expect(sensors.map(([device]) => Number(device.slice(4)) % 4)).toEqual(sensors.map(() => 3));
    expect([tokens.size, sensors.length, new Set(tokens.values()).size]).toEqual([62, 15, 62]);
  });

  it("walk through others' ids with a good token, and use a stolen one from another country", () => {
    const walked = sent.filter(({ ask }) => /^\/fleet\/devices\/dev-[1-9]\d{3}$/.test(ask.path));
    const own = walked.filter(({ from }) => from.address !== "203.0.113.66");
    expect(new Set(own.map(({ ask }) => ask.path)).size).toBeGreaterThan(40);
    expect(new Set(own.map(({ ask }) => ask.headers?.Authorization)).size).toBe(1);
    const stolen = sent.filter(({ from }) => from.country === "BR");
    expect(stolen.length).toBeGreaterThan(20);
    const tokens = new Set(stolen.map(({ ask }) => ask.headers?.Authorization));
    const users = new Set(sent.filter(({ ask }) => tokens.has(ask.headers?.Authorization)).map(({ from }) => from.address));
    expect([tokens.size, users.size]).toEqual([1, 2]);
  });

  it("hold something to refuse within two seconds: guesses from one address", () => {
    const guesses = sent.filter(({ tick, from }) => tick < 20 && from.address === "203.0.113.66");
    expect(guesses.length).toBeGreaterThan(5);
  });
});

import type { Random } from "../random.ts";
import { enumerator, guesser, scanner, thief } from "./attackers.ts";
import type { Ask } from "./caller.ts";
import { PARTNER_KEY } from "./credentials.ts";
import { bearer, renew } from "./device-token.ts";
import { type Device, origin, population } from "./population.ts";
import type { Actor, Stage } from "./stage.ts";

export type { Actor } from "./stage.ts";

const TELEMETRY_SECONDS = 12;
const DEVICE_READS_PER_SECOND = 0.6;
/** A day's rise and fall, told in ten minutes, so that it shows. */
const DAY_SECONDS = 600;

/** Follows the sun: each region is busiest at its own hour. */
function wobble(region: number, regions: number, elapsedSeconds: number): number {
  return 1 + 0.35 * Math.sin(2 * Math.PI * (elapsedSeconds / DAY_SECONDS + region / regions));
}

function reading(random: Random): string {
  return JSON.stringify({ temperature: Math.round(180 + 60 * random.next()) / 10, humidity: 30 + random.below(40) });
}

/** What an honest device does between two readings of its sensors. */
function deviceAsk(device: Device, random: Random): Ask {
  const headers = bearer(device.token);
  const draw = random.next();
  if (draw < 0.62) return { method: "GET", path: `/fleet/devices/${device.id}`, headers };
  if (draw < 0.85) return { method: "GET", path: `/fleet/devices/${device.id}/commands`, headers };
  if (draw < 0.93) return { method: "HEAD", path: "/fleet/firmware/4.2.0", headers };
  if (draw < 0.98) return { method: "GET", path: "/status" };
  return { method: "GET", path: "/fleet/firmware/4.2.0", headers: { ...headers, Range: "bytes=0-16383" } };
}

function telemetryAsk(device: Device, random: Random): Ask {
  const headers = { ...bearer(device.token), "Content-Type": "application/json" };
  return { method: "POST", path: `/fleet/devices/${device.id}/telemetry`, headers, body: reading(random) };
}

/** The fleet of one region: each device reads its state now and then. */
function readers(stage: Stage, region: number, devices: readonly Device[]): Actor {
  return {
    rate: (elapsedSeconds) => devices.length * DEVICE_READS_PER_SECOND * wobble(region, stage.regions, elapsedSeconds),
    async act(nowMs) {
      const device = stage.random.pick(devices);
      await renew(device, stage.secrets, nowMs);
      stage.caller.send(device, deviceAsk(device, stage.random));
    },
  };
}

/** Every device sends its telemetry in turn, which keeps each under its limit. */
function telemetry(stage: Stage, devices: readonly Device[]): Actor {
  let turn = 0;
  return {
    rate: () => devices.length / TELEMETRY_SECONDS,
    async act(nowMs) {
      const device = devices[turn++ % devices.length];
      if (device === undefined) return;
      await renew(device, stage.secrets, nowMs);
      stage.caller.send(device, telemetryAsk(device, stage.random));
    },
  };
}

/** A device with a stuck loop: far over its limit. */
function stuckDevice(stage: Stage, device: Device): Actor {
  return {
    rate: () => 1.5,
    async act(nowMs) {
      await renew(device, stage.secrets, nowMs);
      stage.caller.send(device, telemetryAsk(device, stage.random));
    },
  };
}

/** A display that was never given the right to write, and tries. */
function scopeless(stage: Stage, device: Device): Actor {
  device.scopes = "devices:read";
  return {
    rate: () => 0.5,
    async act(nowMs) {
      await renew(device, stage.secrets, nowMs);
      stage.caller.send(device, telemetryAsk(device, stage.random));
    },
  };
}

/** A device that tries an operation which no inventory lists: it was left over from development. */
function undocumented(stage: Stage, device: Device): Actor {
  return {
    rate: () => 0.3,
    async act(nowMs) {
      await renew(device, stage.secrets, nowMs);
      stage.caller.send(device, { method: "GET", path: `/fleet/devices/${device.id}/debug`, headers: bearer(device.token) });
    },
  };
}

/** The partner that orders devices and looks them up, from two addresses. */
function partner(stage: Stage): Actor {
  const froms = [200, 201].map((host) => origin(1, host, false, stage.random));
  const headers = { "X-Api-Key": PARTNER_KEY };
  const asks: Ask[] = [
    { method: "GET", path: "/orders", headers },
    { method: "GET", path: "/orders/104512", headers },
    { method: "GET", path: "/orders/104512/invoice", headers }, // which no inventory lists
    { method: "GET", path: "/fleet/devices", headers },
    {
      method: "POST",
      path: "/orders",
      headers: { ...headers, "Content-Type": "application/json" },
      body: '{"sku":"TH-4","quantity":10}',
    },
  ];
  return { rate: () => 2, act: () => stage.caller.send(stage.random.pick(froms), stage.random.pick(asks)) };
}

/** Everyone on the stage: an honest fleet, a partner, and those who get refused. */
export function cast(stage: Stage): Actor[] {
  const devices = population(stage.devices + 4, stage.regions, stage.random);
  const [stuck, mute, curious, taken, ...fleet] = devices;
  const victim = fleet.find((device) => !device.isSensor);
  if (!stuck || !mute || !curious || !taken || !victim) throw new Error("the fleet has no devices");
  const regions = Array.from({ length: stage.regions }, (_, region) => fleet.filter((device) => device.region === region));
  return [
    ...regions.filter((members) => members.length > 0).map((members) => readers(stage, members[0]?.region ?? 0, members)),
    telemetry(stage, fleet),
    stuckDevice(stage, stuck),
    scopeless(stage, mute),
    undocumented(stage, curious),
    partner(stage),
    guesser(stage),
    scanner(stage),
    enumerator(stage, taken),
    thief(stage, victim),
  ];
}

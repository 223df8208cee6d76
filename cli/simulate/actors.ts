import type { Random } from "../random.ts";
import type { Ask, Caller } from "./caller.ts";
import { guessedToken, PARTNER_KEY, signToken, TOKEN_LIFE_SECONDS } from "./credentials.ts";
import { type Device, type Origin, origin, population } from "./population.ts";

/** One kind of caller. */
export interface Actor {
  /** Requests a second that it means to send at this moment. */
  rate(elapsedSeconds: number): number;
  act(nowMs: number): void | Promise<void>;
}

export interface Stage {
  caller: Pick<Caller, "send">;
  random: Random;
  regions: number;
  devices: number;
  /** Secret of the devices' tokens. */
  secret: string;
}

const TELEMETRY_SECONDS = 12;
const DEVICE_READS_PER_SECOND = 0.6;
/** A day's rise and fall, told in ten minutes, so that it shows. */
const DAY_SECONDS = 600;

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

async function renew(device: Device, secret: string, nowMs: number): Promise<void> {
  if (device.renewMs > nowMs) return;
  device.renewMs = nowMs + (TOKEN_LIFE_SECONDS - 300) * 1000;
  device.token = await signToken(secret, { subject: device.id, scopes: device.scopes, nowMs });
}

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
      await renew(device, stage.secret, nowMs);
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
      await renew(device, stage.secret, nowMs);
      stage.caller.send(device, telemetryAsk(device, stage.random));
    },
  };
}

/** A device with a stuck loop: far over its limit. */
function stuckDevice(stage: Stage, device: Device): Actor {
  return {
    rate: () => 1.5,
    async act(nowMs) {
      await renew(device, stage.secret, nowMs);
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
      await renew(device, stage.secret, nowMs);
      stage.caller.send(device, telemetryAsk(device, stage.random));
    },
  };
}

/** A device that uses an operation which no inventory lists. */
function undocumented(stage: Stage, device: Device): Actor {
  return {
    rate: () => 0.3,
    async act(nowMs) {
      await renew(device, stage.secret, nowMs);
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
    { method: "GET", path: "/fleet/devices/dev-0007", headers },
    {
      method: "POST",
      path: "/orders",
      headers: { ...headers, "Content-Type": "application/json" },
      body: '{"sku":"TH-4","quantity":10}',
    },
  ];
  return { rate: () => 2, act: () => stage.caller.send(stage.random.pick(froms), stage.random.pick(asks)) };
}

/** One address guesses at tokens, in waves: 15 of every 45 seconds. */
function guesser(stage: Stage): Actor {
  const from: Origin = { region: 0, address: "203.0.113.66", country: "NL" };
  return {
    rate: (elapsedSeconds) => (elapsedSeconds % 45 < 15 ? 8 : 0),
    async act(nowMs) {
      const token = await guessedToken(stage.secret, nowMs, stage.random);
      stage.caller.send(from, {
        method: "GET",
        path: `/fleet/devices/dev-${stage.random.below(9000) + 1000}`,
        headers: bearer(token),
      });
    },
  };
}

/** A scanner, looking for what was left lying about. */
function scanner(stage: Stage): Actor {
  const from: Origin = { region: 2, address: "203.0.113.9", country: "SG" };
  const paths = ["/.env", "/.git/config", "/wp-login.php", "/fleet/devices/..%2f..%2fetc/passwd"];
  return { rate: () => 0.3, act: () => stage.caller.send(from, { method: "GET", path: stage.random.pick(paths) }) };
}

/** Everyone on the stage: an honest fleet, a partner, and those who get refused. */
export function cast(stage: Stage): Actor[] {
  const devices = population(stage.devices + 3, stage.regions, stage.random);
  const [stuck, mute, curious, ...fleet] = devices;
  if (stuck === undefined || mute === undefined || curious === undefined) throw new Error("the fleet has no devices");
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
  ];
}

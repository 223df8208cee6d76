import { signToken, TOKEN_LIFE_SECONDS } from "./credentials.ts";
import { deviceKey, signCwt } from "./cwt.ts";
import type { Device } from "./population.ts";

/** As the example policy's env: references hold them, UTF-8 texts. */
export interface Secrets {
  /** Of the devices' JWTs. */
  tokens: string;
  /** From which the sensors' keys are derived. */
  fleet: string;
}

/** The claim that the example policy calls the firmware, of those for private use (RFC 8392 §9.1.1). */
const FIRMWARE = -70002;

export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** Gives the device a new token where its own is about to expire. */
export async function renew(device: Device, secrets: Secrets, nowMs: number): Promise<void> {
  if (device.renewMs > nowMs) return;
  device.renewMs = nowMs + (TOKEN_LIFE_SECONDS - 300) * 1000;
  device.token = device.isSensor
    ? await sensorToken(secrets.fleet, device, nowMs)
    : await signToken(secrets.tokens, { subject: device.id, scopes: device.scopes, nowMs });
}

/** A sensor's CBOR Web Token: whom it is from says its key, what it may do the policy. */
async function sensorToken(secret: string, { id, firmware }: Device, nowMs: number): Promise<string> {
  const nowSeconds = Math.floor(nowMs / 1000);
  const claims = new Map<number, unknown>([
    [3, "fleet"],
    [4, nowSeconds + TOKEN_LIFE_SECONDS],
    [6, nowSeconds - 1],
    [FIRMWARE, firmware],
  ]);
  return signCwt(await deviceKey(Uint8Array.from(Buffer.from(secret)), id), id, claims);
}

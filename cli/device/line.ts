import { iso } from "../admin-api.ts";

/** As the SOC API answers it. */
export interface Device {
  authenticator: string;
  device: string;
  fleet: string;
  model: string;
  firmware: string;
  /** As its newest credential says. */
  claimedFirmware: string;
  state: string;
  note: string;
  who: string;
  changedMs: number;
  lastMs: number | null;
}

export function lineOf(one: Device): string {
  const said = [one.fleet, one.model, firmwareOf(one)].filter((text) => text !== "").join(" · ");
  const what = said === "" ? "" : `: ${said}`;
  const note = one.note === "" ? "" : `, ${one.note}`;
  const seen = one.lastMs === null ? "never seen" : `last seen ${iso(one.lastMs)}`;
  return `${one.state.padEnd(11)}  ${one.authenticator} ${one.device}${what}${note} (${seen}; ${one.who}, ${iso(one.changedMs)})`;
}

/** As it is registered, and what the device claims where that differs. */
function firmwareOf({ firmware, claimedFirmware }: Device): string {
  if (claimedFirmware === "" || claimedFirmware === firmware) return firmware;
  return `${firmware} (claims ${claimedFirmware})`.trimStart();
}

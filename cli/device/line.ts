import { iso } from "../admin-api.ts";

/** As the SOC API answers it. */
export interface Device {
  authenticator: string;
  device: string;
  fleet: string;
  model: string;
  firmware: string;
  state: string;
  note: string;
  who: string;
  changedMs: number;
  lastMs: number | null;
}

export function lineOf(one: Device): string {
  const said = [one.fleet, one.model, one.firmware].filter((text) => text !== "").join(" · ");
  const what = said === "" ? "" : `: ${said}`;
  const note = one.note === "" ? "" : `, ${one.note}`;
  const seen = one.lastMs === null ? "never seen" : `last seen ${iso(one.lastMs)}`;
  return `${one.state.padEnd(11)}  ${one.authenticator} ${one.device}${what}${note} (${seen}; ${one.who}, ${iso(one.changedMs)})`;
}

import { expect, test } from "vitest";
import { type Device, lineOf } from "../../cli/device/line.ts";

const device: Device = {
  authenticator: "sensors",
  device: "dev-7",
  fleet: "north",
  model: "",
  firmware: "4.2.0",
  claimedFirmware: "",
  state: "active",
  note: "",
  who: "administrator",
  changedMs: 0,
  lastMs: null,
};

test.each([
  ["4.2.0", "", "north · 4.2.0 (never"],
  ["4.2.0", "4.2.0", "north · 4.2.0 (never"],
  ["4.2.0", "4.1.0", "north · 4.2.0 (claims 4.1.0) (never"],
  ["", "4.1.0", "north · (claims 4.1.0) (never"],
  ["", "", "north (never"],
])("a device that is registered with firmware %j and claims %j", (firmware, claimedFirmware, said) => {
  expect(lineOf({ ...device, firmware, claimedFirmware })).toContain(`sensors dev-7: ${said} seen; `);
});

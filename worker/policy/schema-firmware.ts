import type { Read } from "./quantity.ts";
import { text } from "./schema-fields.ts";

const pattern = "^claim:[A-Za-z0-9_.:/-]{1,64}$";

/** The name of the claim that says what a device runs. */
export function firmware() {
  return text(readFirmware, {
    description:
      "The claim that says which firmware a device runs: claim:NAME. Shown beside the device, and good for nothing else, so it is heard of devices with derived keys too.",
    pattern,
    examples: ["claim:fw"],
  });
}

/** Errors: firmware_malformed. */
function readFirmware(input: string): Read<string> {
  if (new RegExp(pattern).test(input)) return { ok: true, value: input.slice("claim:".length) };
  const message = "this names no claim";
  return { ok: false, code: "firmware_malformed", expected: "claim:NAME", message };
}

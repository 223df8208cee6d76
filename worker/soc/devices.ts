import {
  countRefusals,
  type DeviceRow,
  type DeviceState,
  registerDevices,
  selectDevices,
  setDeviceState,
} from "../db/devices.ts";
import { MOST_REVOCATIONS } from "../db/revocations.ts";
import {
  activateDevice,
  deviceComponents,
  listDevices,
  quarantineDevice,
  registerDevices as registerRoute,
  retireDevice,
} from "./device-routes.ts";
import { MOST_ROWS, type RowError, readRows, rowsOf } from "./device-rows.ts";
import { operatorName } from "./guards.ts";
import { authenticatorNames, tellRegions } from "./overlay-change.ts";
import { problem } from "./problem.ts";
import { createRouter } from "./router.ts";
import type { SocContext } from "./soc-env.ts";

export const devices = createRouter()
  .openapi(listDevices, async (c) => {
    const { after, limit, ...filter } = c.req.valid("query");
    const { results } = await selectDevices(c.env.DB, filter, after, limit + 1).all<DeviceRow>();
    const page = results.slice(0, limit);
    const next = results.length > limit ? (page.at(-1)?.id ?? null) : null;
    return c.json({ most: MOST_REVOCATIONS, used: await countRefusals(c.env.DB, c.get("nowMs")), devices: page, next }, 200);
  })
  .openapi(registerRoute, async (c) => {
    const isNdjson = /ndjson/i.test(c.req.header("Content-Type") ?? "");
    const rows = rowsOf(new TextDecoder().decode(await c.req.arrayBuffer()), isNdjson);
    if (rows === null || rows.length === 0 || rows.length > MOST_ROWS) return problem(c, 400, "request_invalid", [rowsProblem]);
    const { good, errors } = readRows(rows, new Set(await authenticatorNames(c.env.DB)));
    if (good.length === 0) return problem(c, 400, "request_invalid", errors.slice(0, 20).map(asProblem));
    const registered = await registerDevices(c.env.DB, good, await operatorName(c), c.get("nowMs"));
    if (registered.state === "full") return problem(c, 409, "devices_full");
    const { made, updated } = registered;
    return c.json({ made, updated, unchanged: good.length - made - updated, errors }, 200);
  })
  .openapi(quarantineDevice, async (c) => answer(c, await change(c, c.req.valid("json"), "quarantined")))
  .openapi(retireDevice, async (c) => answer(c, await change(c, c.req.valid("json"), "retired")))
  .openapi(activateDevice, async (c) => answer(c, await change(c, c.req.valid("json"), "active")));

for (const [name, schema] of Object.entries(deviceComponents)) devices.openAPIRegistry.register(name, schema);

const rowsProblem = {
  path: "body",
  expected: `a JSON list or NDJSON of 1 to ${MOST_ROWS} devices`,
  found: "(hidden)",
  message: "these are no devices",
  line: null,
};

function asProblem({ row, code, path, message }: RowError) {
  const at = path === "" ? String(row) : `${row}.${path}`;
  return { path: at, expected: "a row that the API's description allows", found: "(hidden)", message, line: null, code };
}

async function change(
  c: SocContext,
  asked: { authenticator: string; device: string; note?: string | undefined },
  state: DeviceState,
) {
  const who = await operatorName(c);
  return setDeviceState(c.env.DB, { ...asked, note: asked.note ?? null, state, who, nowMs: c.get("nowMs") });
}

async function answer(c: SocContext, changed: Awaited<ReturnType<typeof change>>) {
  if (changed.state === "unknown") return problem(c, 404, "device_unknown");
  if (changed.state === "full") return problem(c, 409, "revocations_full");
  // Also when nothing changed: a region that was away when it did may be told now.
  const pending = await tellRegions(c.env, changed.generation);
  return c.json({ device: changed.row, generation: changed.generation, pending }, 200);
}

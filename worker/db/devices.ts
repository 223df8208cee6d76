import { advanceOverlay, generationIn, selectOverlayGeneration } from "./overlay-generation.ts";
import { MOST_REVOCATIONS } from "./revocations.ts";

export type DeviceState = "active" | "quarantined" | "retired";

/** As many as may be registered. */
export const MOST_DEVICES = 1_000_000;

/** A device as it is registered; null = as it was, and nothing for a new one. */
export interface GivenDevice {
  authenticator: string;
  device: string;
  fleet: string | null;
  model: string | null;
  firmware: string | null;
  note: string | null;
}

export interface DeviceRow {
  id: number;
  authenticator: string;
  device: string;
  fleet: string;
  model: string;
  firmware: string;
  /** As its newest credential claims it; "" = it says none. */
  claimedFirmware: string;
  state: DeviceState;
  note: string;
  who: string;
  changedMs: number;
  madeMs: number;
  /** When the gateway saw it first and last; null = never. */
  firstMs: number | null;
  lastMs: number | null;
}

export interface DeviceFilter {
  authenticator?: string | undefined;
  fleet?: string | undefined;
  /** The claimed one. */
  firmware?: string | undefined;
  state?: DeviceState | undefined;
  /** Part of the device, model, firmware or note; ASCII letters in either case. */
  search?: string | undefined;
}

const select = `SELECT d.id, d.authenticator, d.device, d.fleet, d.model, d.firmware,
 coalesce(p.firmware, '') AS "claimedFirmware", d.state, d.note, d.who, d.changed_ms AS "changedMs",
 d.made_ms AS "madeMs", p.first_ms AS "firstMs", p.last_ms AS "lastMs"
 FROM devices d LEFT JOIN principals p ON p.authenticator = d.authenticator AND p.principal = d.device`;

const conditions: Readonly<Record<keyof DeviceFilter, string>> = {
  authenticator: "d.authenticator = ?",
  fleet: "d.fleet = ?",
  firmware: "p.firmware = ?",
  state: "d.state = ?",
  search: "instr(lower(d.device || char(10) || d.model || char(10) || d.firmware || char(10) || d.note), lower(?)) > 0",
};

/** DeviceRow: up to `limit` devices behind the one of number `after`. */
export function selectDevices(db: D1Database, filter: DeviceFilter, after: number, limit: number): D1PreparedStatement {
  const given = (Object.keys(conditions) as (keyof DeviceFilter)[]).filter((name) => filter[name] !== undefined);
  // The partial index of those that are refused serves whoever says that these are meant.
  const partial = filter.state === "quarantined" || filter.state === "retired" ? ["d.state <> 'active'"] : [];
  const where = ["d.id > ?", ...given.map((name) => conditions[name]), ...partial].join(" AND ");
  const values = given.map((name) => filter[name]);
  return db.prepare(`${select} WHERE ${where} ORDER BY d.id LIMIT ?`).bind(after, ...values, limit);
}

export interface RefusedDevice {
  authenticator: string;
  device: string;
  state: "quarantined" | "retired";
}

/** RefusedDevice: all whom the gateway is to refuse. */
export function selectRefusedDevices(db: Pick<D1Database, "prepare">): D1PreparedStatement {
  return db.prepare(
    `SELECT authenticator, device, state FROM devices WHERE state <> 'active' ORDER BY state, id LIMIT ${MOST_REVOCATIONS}`,
  );
}

/** What counts against MOST_REVOCATIONS: revocations in force at the statement's parameter `now`, and devices that are refused. */
export const refusals = (now: string) =>
  `((SELECT COUNT(*) FROM revocations WHERE expires_ms > ${now}) + (SELECT COUNT(*) FROM devices WHERE state <> 'active'))`;

export async function countRefusals(db: D1Database, nowMs: number): Promise<number> {
  return (
    (await db
      .prepare(`SELECT ${refusals("?1")} AS n`)
      .bind(nowMs)
      .first<number>("n")) ?? 0
  );
}

const UPDATE = `UPDATE devices SET fleet = coalesce(given.fleet, devices.fleet), model = coalesce(given.model, devices.model),
 firmware = coalesce(given.firmware, devices.firmware), note = coalesce(given.note, devices.note), who = ?2, changed_ms = ?3
 FROM (SELECT value ->> 0 AS authenticator, value ->> 1 AS device, value ->> 2 AS fleet, value ->> 3 AS model, value ->> 4 AS firmware,
  value ->> 5 AS note FROM json_each(?1)) AS given
 WHERE devices.authenticator = given.authenticator AND devices.device = given.device
  AND (given.fleet <> devices.fleet OR given.model <> devices.model OR given.firmware <> devices.firmware OR given.note <> devices.note)`;
const INSERT = `INSERT INTO devices (authenticator, device, fleet, model, firmware, state, note, who, changed_ms, made_ms)
 SELECT value ->> 0, value ->> 1, coalesce(value ->> 2, ''), coalesce(value ->> 3, ''), coalesce(value ->> 4, ''), 'active',
  coalesce(value ->> 5, ''), ?2, ?3, ?3 FROM json_each(?1) WHERE true ON CONFLICT (authenticator, device) DO NOTHING`;

export type Registered = { state: "done"; made: number; updated: number } | { state: "full" };

/** Registers new devices, as active, and updates what is said of those that are known; no state changes. Each stands in `rows` once. */
export async function registerDevices(
  db: D1Database,
  rows: readonly GivenDevice[],
  who: string,
  nowMs: number,
): Promise<Registered> {
  const last = await db.prepare("SELECT coalesce(MAX(id), 0) AS id FROM devices").first<number>("id");
  if ((last ?? 0) + rows.length > MOST_DEVICES) return { state: "full" };
  const values = rows.map((row) => [row.authenticator, row.device, row.fleet, row.model, row.firmware, row.note]);
  const json = JSON.stringify(values);
  const [updated, inserted] = await db.batch([UPDATE, INSERT].map((sql) => db.prepare(sql).bind(json, who, nowMs)));
  return { state: "done", made: inserted?.meta.changes ?? 0, updated: updated?.meta.changes ?? 0 };
}

export interface StateChange {
  authenticator: string;
  device: string;
  state: DeviceState;
  /** null = as it was. */
  note: string | null;
  who: string;
  nowMs: number;
}

export type StateChanged =
  | { state: "made" | "unchanged"; row: DeviceRow; generation: number }
  | { state: "unknown" }
  | { state: "full" };

// Who was seen and is not registered may be refused too: it is registered by that.
const INSERT_SEEN = `INSERT INTO devices (authenticator, device, fleet, model, firmware, state, note, who, changed_ms, made_ms)
 SELECT authenticator, principal, '', '', '', 'active', '', ?3, ?4, ?4 FROM principals
 WHERE authenticator = ?1 AND principal = ?2 AND ?5 <> 'active' ON CONFLICT (authenticator, device) DO NOTHING`;
const SET_STATE = `UPDATE devices SET state = ?3, note = coalesce(?4, note), who = ?5, changed_ms = ?6
 WHERE authenticator = ?1 AND device = ?2 AND (state <> ?3 OR note <> ?4)
  AND (?3 = 'active' OR state <> 'active' OR ${refusals("?6")} < ${MOST_REVOCATIONS})`;

/** Changes a device's state. Nothing changes when as many as MOST_REVOCATIONS are refused already. */
export async function setDeviceState(db: D1Database, change: StateChange): Promise<StateChanged> {
  const { authenticator, device, state, note, who, nowMs } = change;
  const [, updated, , found, generation] = await db.batch([
    db.prepare(INSERT_SEEN).bind(authenticator, device, who, nowMs, state),
    db.prepare(SET_STATE).bind(authenticator, device, state, note, who, nowMs),
    advanceOverlay(db, nowMs),
    db.prepare(`${select} WHERE d.authenticator = ?1 AND d.device = ?2`).bind(authenticator, device),
    selectOverlayGeneration(db),
  ]);
  const row = found?.results[0] as DeviceRow | undefined;
  if (row === undefined) return { state: "unknown" };
  if (row.state !== state) return { state: "full" };
  return { state: (updated?.meta.changes ?? 0) > 0 ? "made" : "unchanged", row, generation: generationIn(generation) };
}

import { beforeEach, expect, it } from "vitest";
import { addEvents } from "../../worker/db/events.ts";
import { addLatency } from "../../worker/db/latency.ts";
import { addPeaks } from "../../worker/db/peaks.ts";
import { insertPolicy } from "../../worker/db/policies.ts";
import { addCallers } from "../../worker/db/principals.ts";
import { addRollups } from "../../worker/db/rollups.ts";
import { addTraffic } from "../../worker/db/traffic.ts";
import { callerRow } from "../../worker/region/caller-row.ts";
import { retain } from "../../worker/region/retention.ts";
import { caller, countOf, env, NOON_MS, OPERATION, sample } from "./region-fixture.ts";

const DAY_MS = 86_400_000;
const tables = ["events", "rollups", "traffic", "latency"];
const callerTables = ["principals", "principal_operations", "principal_places"];

beforeEach(async () => {
  await env.DB.batch(
    [...tables, ...callerTables, "principal_peaks", "sessions", "sign_in_links", "policies"].map((table) =>
      env.DB.prepare(`DELETE FROM ${table}`),
    ),
  );
});

/** `count` rows in each table, one a minute, the newest at `newestMs`. */
async function fill(count: number, newestMs: number): Promise<void> {
  const times = Array.from({ length: count }, (_, index) => newestMs - index * 60_000);
  const at = (ms: number) => ({ minute: Math.floor(ms / 60_000), region: "local", ...OPERATION });
  await env.DB.batch([
    ...addEvents(
      env.DB,
      times.map((timeMs, index) => ({ ...sample({ id: index.toString(16).padStart(16, "0"), timeMs }), standsFor: 1 })),
    ),
    ...addRollups(
      env.DB,
      times.map((ms) => ({ ...at(ms), verdict: "allow", reason: "", requests: 1 })),
    ),
    ...addTraffic(
      env.DB,
      times.map((ms) => ({ ...at(ms), statuses: [0, 1, 0, 0, 0, 0], bytesIn: 0, bytesOut: 0 })),
    ),
    ...addLatency(
      env.DB,
      times.map((ms) => ({ ...at(ms), bucket: 1, requests: 1 })),
    ),
  ]);
}

const counts = () => Promise.all(tables.map((table) => countOf(`SELECT COUNT(*) AS n FROM ${table}`)));

async function publish(rowsPerDay: number, retainDays: number): Promise<void> {
  const meta = JSON.stringify({ telemetry: { rowsPerDay, retainDays } });
  await insertPolicy(env.DB, { version: 1, publishedMs: 0, digest: "", source: "", meta, image: new Uint8Array(1) });
}

it("removes what is older than the policy's retainDays, and nothing else", async () => {
  await publish(1_000_000, 3);
  await fill(100, NOON_MS - 3 * DAY_MS + 49 * 60_000);
  expect(await retain(env, NOON_MS)).toEqual({ rowsWritten: 200, complete: true });
  // Minutes 0 … 49 before the newest are within the three days; the one that begins exactly then stays.
  expect(await counts()).toEqual([50, 50, 50, 50]);
  expect(await retain(env, NOON_MS)).toEqual({ rowsWritten: 0, complete: true });
});

it("keeps a fortnight before there is a policy", async () => {
  await fill(2, NOON_MS - 14 * DAY_MS);
  await retain(env, NOON_MS);
  expect(await counts()).toEqual([1, 1, 1, 1]);
});

it("stops at its share of the day's rows, and goes on the next day", async () => {
  await publish(80, 1);
  await fill(30, NOON_MS - 2 * DAY_MS);
  expect(await retain(env, NOON_MS)).toEqual({ rowsWritten: 40, complete: false });
  expect(await counts()).toEqual([20, 20, 20, 20]);
  await retain(env, NOON_MS + DAY_MS);
  await retain(env, NOON_MS + 2 * DAY_MS);
  expect(await counts()).toEqual([0, 0, 0, 0]);
});

it("removes sign-ins that are over", async () => {
  await env.DB.batch([
    env.DB.prepare("INSERT INTO sessions VALUES ('old', 0, ?1), ('new', 0, ?1 + 1)").bind(NOON_MS),
    env.DB.prepare("INSERT INTO sign_in_links VALUES ('old', ?1, 0), ('new', ?1 + 1, 0)").bind(NOON_MS),
  ]);
  await retain(env, NOON_MS);
  expect(
    await env.DB.prepare("SELECT token_hash FROM sessions")
      .all()
      .then((all) => all.results),
  ).toEqual([{ token_hash: "new" }]);
  expect(
    await env.DB.prepare("SELECT token_hash FROM sign_in_links")
      .all()
      .then((all) => all.results),
  ).toEqual([{ token_hash: "new" }]);
});

/** Callers last seen at these times, each with an operation and a place. */
async function call(times: readonly number[]): Promise<void> {
  const rows = times.map((lastMs, index) => callerRow(caller({ principal: `p${index}`, firstMs: 0, lastMs }), NOON_MS));
  const seen = ({ authenticator, principal, firstMs, lastMs }: (typeof rows)[0]) => ({
    authenticator,
    principal,
    firstMs,
    lastMs,
  });
  const operations = rows.map((row) => ({ ...seen(row), ...OPERATION, allowed: 1, refused: 0 }));
  const places = rows.map((row) => ({ ...seen(row), country: "CH", asn: 1 }));
  await env.DB.batch(addCallers(env.DB, { principals: rows, operations, places }));
}

it("forgets callers that were not seen for 400 days, with their rows, within what is left of the day's rows", async () => {
  const edgeMs = NOON_MS - 400 * DAY_MS;
  await publish(1_000_000, 1);
  await call([edgeMs - 1, edgeMs, NOON_MS]);
  expect(await retain(env, NOON_MS)).toEqual({ rowsWritten: 3, complete: true });
  const left = () => Promise.all(callerTables.map((table) => countOf(`SELECT COUNT(*) AS n FROM ${table}`)));
  expect(await left()).toEqual([2, 2, 2]);
  await env.DB.prepare("DELETE FROM policies").run();
  await publish(20, 1);
  await call(Array.from({ length: 10 }, () => edgeMs - 1));
  const { rowsWritten, complete } = await retain(env, NOON_MS);
  expect(complete).toBe(false);
  expect(rowsWritten).toBeLessThanOrEqual(12);
});

it("keeps peaks for 40 days: a whole month and more", async () => {
  const today = Math.floor(NOON_MS / DAY_MS);
  const peak = { region: "r", authenticator: "a", principal: "p", ...OPERATION, minute: 1, burst: 1, asked: 1 };
  await env.DB.batch(
    addPeaks(
      env.DB,
      [41, 40, 31, 0].map((ago) => ({ ...peak, day: today - ago })),
    ),
  );
  expect(await retain(env, NOON_MS)).toEqual({ rowsWritten: 1, complete: true });
  expect(await countOf(`SELECT MIN(day) AS n FROM principal_peaks`)).toBe(today - 40);
});

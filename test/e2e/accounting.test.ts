import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { API_KEY } from "./policy.ts";
import { poll } from "./poll.ts";
import { servePolicy } from "./served-policy.ts";

const REQUESTS = 3_000;
const AT_ONCE = 16;

const served = servePolicy("weur", "enam");

/** A mix of allowed, refused and ambiguous requests over both regions. Gives how many got each status. */
async function load(): Promise<Map<number, number>> {
  const kinds: { path: string; headers: Record<string, string> }[] = [
    { path: "/things/1", headers: { "X-Api-Key": API_KEY } },
    { path: "/things/2?status=500", headers: { "X-Api-Key": API_KEY } },
    { path: "/things/3", headers: {} },
    { path: "/things/4", headers: { Authorization: "Bearer wrong" } },
    { path: "/open/5", headers: {} },
    { path: "/nobody", headers: {} },
  ];
  const statuses = new Map<number, number>();
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < REQUESTS; index = next++) {
      const { path, headers } = kinds[index % kinds.length] ?? { path: "/", headers: {} };
      const response = await fetch(`${served.picket.origins[index % 2]}${path}`, { headers });
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return statuses;
}

/** What the rollups say, read from the database itself once nothing writes to it any more. */
function rollups(): { requests: number; allowed: number } {
  for (const file of globSync(join(served.picket.data, "state", "d1", "**", "*.sqlite"))) {
    const database = new DatabaseSync(file);
    try {
      if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'rollups'").get() === undefined) continue;
      const row = database
        .prepare(
          "SELECT SUM(requests) AS requests, SUM(CASE WHEN verdict = 'allow' THEN requests ELSE 0 END) AS allowed FROM rollups",
        )
        .get();
      return row as { requests: number; allowed: number };
    } finally {
      database.close();
    }
  }
  throw new Error("no database holds rollups");
}

it("has in the database exactly what the client sent", async () => {
  const statuses = await load();
  const sixth = REQUESTS / 6;
  expect(Object.fromEntries(statuses)).toEqual({ 200: 2 * sixth, 500: sixth, 401: 2 * sixth, 404: sixth });
  const { telemetry } = await poll("every request is stored", 20_000, async () => {
    const health = await served.picket.health();
    const { reported, stored, dropped, pending } = health.telemetry;
    expect(stored + dropped + pending).toBe(reported);
    return stored === REQUESTS && health;
  });
  expect(telemetry).toEqual({ reported: REQUESTS, stored: REQUESTS, dropped: 0, pending: 0 });
  await served.picket.stop();
  expect(rollups()).toEqual({ requests: REQUESTS, allowed: 3 * sixth });
});

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

/** Rows of the database itself. */
function query(sql: string): Record<string, unknown>[] {
  for (const file of globSync(join(served.picket.data, "state", "d1", "**", "*.sqlite"))) {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'rollups'").get() === undefined) continue;
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }
  throw new Error("no database holds rollups");
}

const rollups = () =>
  query("SELECT SUM(requests) AS requests, SUM(CASE WHEN verdict = 'allow' THEN requests ELSE 0 END) AS allowed FROM rollups")[0];

/** Who called what, both regions together. */
const callers = () =>
  query(
    "SELECT authenticator, principal, method, operation, allowed, refused FROM principal_operations ORDER BY operation, principal",
  );

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
  // Callers' rows are added to every five seconds, or less often where the budget is small.
  const calls = (list: Record<string, unknown>[]) =>
    list.reduce((sum, row) => sum + Number(row.allowed) + Number(row.refused), 0);
  await poll("every caller's requests are stored", 30_000, () => calls(callers()) === 2 * sixth);
  await served.picket.stop();
  expect(callers()).toEqual([
    { authenticator: "keys", principal: "tester", method: "GET", operation: "/things/{id}", allowed: 2 * sixth, refused: 0 },
  ]);
  expect(query("SELECT kind, credential, scopes, roles, endless FROM principals")).toEqual([
    { kind: "partner", credential: "tester", scopes: "things:read", roles: "", endless: 1 },
  ]);
  expect(rollups()).toEqual({ requests: REQUESTS, allowed: 3 * sixth });
});

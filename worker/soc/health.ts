import { createRoute, z } from "@hono/zod-openapi";
import packageJson from "../../package.json";
import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import { type RegionRow, selectRegions } from "../db/regions.ts";
import type { RegionHealth } from "../region/region-object.ts";
import { sessionOf } from "./guards.ts";
import { askRegions, regionNames, sumAccounts } from "./regions.ts";
import { createRouter } from "./router.ts";
import type { SocContext } from "./soc-env.ts";
import { type Status, StatusMemory } from "./status-memory.ts";
import { accountsSchema } from "./telemetry-accounts.ts";

/** A region that failed to reach D1 so often in a row is behind. */
const FAILURES_TOLERATED = 2;
const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

const status = z.enum(["ok", "degraded"]);
const healthSchema = z
  .object({
    status,
    version: z.string(),
    policy: z.object({ version: z.int(), ageMs: z.number() }),
    telemetry: accountsSchema,
  })
  .partial({ version: true, policy: true, telemetry: true })
  .openapi("Health", { description: "For loopback and signed-in callers; `status` alone for others" });

const route = createRoute({
  method: "get",
  path: "/_picket/health",
  summary: "How the installation is",
  responses: { 200: { description: "Always 200: `status` says how", content: { "application/json": { schema: healthSchema } } } },
});

/** One memory for each app, and so for each isolate. */
export function createHealth() {
  const memory = new StatusMemory();
  return createRouter().openapi(route, async (c) => {
    const nowMs = c.get("nowMs");
    if (!(await mayKnow(c))) return c.json({ status: memory.recall(nowMs) ?? (await findOut(c.env, memory, nowMs)).status }, 200);
    const { status, state } = await findOut(c.env, memory, nowMs);
    return c.json({ status, ...detailsOf(state, nowMs) }, 200);
  });
}

async function findOut(env: Env, memory: StatusMemory, nowMs: number): Promise<{ status: Status; state: State }> {
  const state = await readState(env);
  const isDegraded =
    state.database === null ||
    state.database.policy === null ||
    state.regions.some((region) => region === null || region.d1Failures > FAILURES_TOLERATED);
  const status = isDegraded ? "degraded" : "ok";
  memory.learn(status, nowMs);
  return { status, state };
}

function detailsOf({ database, regions }: State, nowMs: number) {
  const policy = database?.policy ?? null;
  return {
    version: packageJson.version,
    policy: { version: policy?.version ?? 0, ageMs: policy ? Math.max(0, nowMs - policy.publishedMs) : 0 },
    telemetry: sumAccounts(database?.rows ?? [], regions),
  };
}

interface State {
  /** null while D1 does not answer. */
  database: { rows: RegionRow[]; policy: PolicyRow | null } | null;
  regions: (RegionHealth | null)[];
}

async function readState(env: Env): Promise<State> {
  const database = await readDatabase(env.DB);
  const names = regionNames(env, database?.rows ?? []);
  return { database, regions: await askRegions(env, names, (region) => region.health()) };
}

async function readDatabase(db: D1Database): Promise<State["database"]> {
  try {
    const [regions, policies] = await db.batch([selectRegions(db), selectNewestPolicy(db)]);
    return { rows: (regions?.results ?? []) as RegionRow[], policy: (policies?.results[0] ?? null) as PolicyRow | null };
  } catch (error) {
    console.warn(`soc: D1 does not answer (${error instanceof Error ? error.message : "unknown error"})`);
    return null;
  }
}

/** A session cannot be told while D1 is away: its owner is a stranger then. */
async function mayKnow(c: SocContext): Promise<boolean> {
  if (loopback.has(new URL(c.req.url).hostname)) return true;
  try {
    return (await sessionOf(c)) !== null;
  } catch {
    return false;
  }
}

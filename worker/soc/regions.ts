import type { RegionRow } from "../db/regions.ts";
import type { RegionHealth, RegionObject } from "../region/region-object.ts";
import type { TelemetryAccounts } from "./telemetry-accounts.ts";

const ANSWER_MS = 3_000;

/** Regions of the installation, and those that D1 knows from before it was changed. */
export function regionNames(env: Pick<Env, "REGIONS">, rows: readonly { region: string }[]): string[] {
  const listed = env.REGIONS.split(",").map((name) => name.trim());
  return [...new Set([...listed, ...rows.map((row) => row.region)])].filter((name) => name !== "").sort();
}

type Ask<T> = (region: DurableObjectStub<RegionObject>, name: string) => Promise<T>;

/** Asks every region at once; null for one that does not answer in time. */
export async function askRegions<T>(
  env: Pick<Env, "REGION_OBJECTS">,
  names: readonly string[],
  ask: Ask<T>,
): Promise<(T | null)[]> {
  return Promise.all(names.map((name) => answerInTime(ask(env.REGION_OBJECTS.getByName(name), name), name)));
}

async function answerInTime<T>(answer: Promise<T>, name: string): Promise<T | null> {
  let timer: number | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    console.warn(`soc: region ${name} does not answer (${error instanceof Error ? error.message : "unknown error"})`);
    return null;
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

/**
 * One account of all regions. A live object speaks for its own incarnation; D1 speaks for objects that do not answer, and for
 * incarnations that are gone: what those had reported and not stored is lost, and counted as dropped.
 */
export function sumAccounts(rows: readonly RegionRow[], health: readonly (RegionHealth | null)[]): TelemetryAccounts {
  const live = health.filter((answer) => answer !== null);
  const total: TelemetryAccounts = { reported: 0, stored: 0, dropped: 0, pending: 0 };
  const add = (accounts: TelemetryAccounts) => {
    for (const name of ["reported", "stored", "dropped", "pending"] as const) total[name] += accounts[name];
  };
  for (const accounts of live) add(accounts);
  for (const { region, incarnation, reported, stored, dropped } of rows) {
    const speaker = live.find((answer) => answer.region === region);
    if (speaker?.incarnation === incarnation) continue;
    if (speaker) add({ reported, stored, dropped: reported - stored, pending: 0 });
    else add({ reported, stored, dropped, pending: reported - stored - dropped });
  }
  return total;
}

import { type GrantRow, selectGrantsFor } from "./grants.ts";
import { generationIn, selectOverlayGeneration } from "./overlay-generation.ts";
import { type RevocationRow, selectLiveRevocations } from "./revocations.ts";

/** Revocations and grants as of one generation. */
export interface OverlayRows {
  generation: number;
  revocations: RevocationRow[];
  grants: GrantRow[];
}

/** The whole list that is to be in force at `nowMs`, read at one instant. */
export async function readOverlay(db: D1Database, nowMs: number): Promise<OverlayRows> {
  const [generation, revocations, grants] = await db.batch([
    selectOverlayGeneration(db),
    selectLiveRevocations(db, nowMs),
    selectGrantsFor(db, nowMs),
  ]);
  return {
    generation: generationIn(generation),
    revocations: (revocations?.results ?? []) as RevocationRow[],
    grants: (grants?.results ?? []) as GrantRow[],
  };
}

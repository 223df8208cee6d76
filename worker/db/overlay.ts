import { type RefusedDevice, selectRefusedDevices } from "./devices.ts";
import { type ExemptionRow, selectLiveExemptions } from "./exemptions.ts";
import { type GrantRow, selectGrantsFor } from "./grants.ts";
import { generationIn, selectOverlayGeneration } from "./overlay-generation.ts";
import { type RevocationRow, selectLiveRevocations } from "./revocations.ts";

/** Revocations, grants, exemptions and refused devices as of one generation. */
export interface OverlayRows {
  generation: number;
  revocations: RevocationRow[];
  grants: GrantRow[];
  exemptions: ExemptionRow[];
  devices: RefusedDevice[];
}

/** The whole list that is to be in force at `nowMs`, read at one instant. */
export async function readOverlay(db: D1Database, nowMs: number): Promise<OverlayRows> {
  const [generation, revocations, grants, exemptions, devices] = await db.batch([
    selectOverlayGeneration(db),
    selectLiveRevocations(db, nowMs),
    selectGrantsFor(db, nowMs),
    selectLiveExemptions(db, nowMs),
    selectRefusedDevices(db),
  ]);
  return {
    generation: generationIn(generation),
    revocations: (revocations?.results ?? []) as RevocationRow[],
    grants: (grants?.results ?? []) as GrantRow[],
    exemptions: (exemptions?.results ?? []) as ExemptionRow[],
    devices: (devices?.results ?? []) as RefusedDevice[],
  };
}

/**
 * Moves the generation when the statement before it in the batch changed a row. Never below the clock, so that a database that was
 * set back to an earlier time does not give out numbers that the isolates have already seen.
 */
export function advanceOverlay(db: D1Database, nowMs: number): D1PreparedStatement {
  return db.prepare("UPDATE overlay SET generation = MAX(generation + 1, ?1) WHERE changes() > 0").bind(nowMs);
}

/** { generation }. */
export function selectOverlayGeneration(db: Pick<D1Database, "prepare">): D1PreparedStatement {
  return db.prepare("SELECT generation FROM overlay");
}

/** What selectOverlayGeneration read. */
export function generationIn(result: D1Result | undefined): number {
  return (result?.results[0] as { generation: number } | undefined)?.generation ?? 0;
}

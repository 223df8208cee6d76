import { advanceOverlay, generationIn, selectOverlayGeneration } from "./overlay-generation.ts";

/** As many as the core holds (wasm/abi.ts, MAX_GRANTS). */
export const MOST_GRANTS = 1024;
const DAY_MS = 86_400_000;

export interface NewGrant {
  authenticator: string;
  principal: string;
  /** Space-separated, sorted, each once. */
  scopes: string;
  fromMs: number;
  untilMs: number;
  reason: string;
  approver: string;
  who: string;
  madeMs: number;
}

export interface GrantRow extends NewGrant {
  id: number;
}

const columns = `id, authenticator, principal, scopes, from_ms AS "fromMs", until_ms AS "untilMs", reason, approver, who, made_ms AS "madeMs"`;

/** Those that have not ended, and of the last day's, for which a refusal says so, as many as there is room for. As GrantRow. */
export function selectGrantsFor(db: Pick<D1Database, "prepare">, nowMs: number): D1PreparedStatement {
  return db
    .prepare(`SELECT ${columns} FROM grants WHERE until_ms > ?1 ORDER BY until_ms DESC, id LIMIT ${MOST_GRANTS}`)
    .bind(nowMs - DAY_MS);
}

/** Those of one principal that have not ended, the one that ends first before the others. As GrantRow. */
export function selectGrantsOf(
  db: Pick<D1Database, "prepare">,
  one: Pick<GrantRow, "authenticator" | "principal">,
  nowMs: number,
) {
  return db
    .prepare(`SELECT ${columns} FROM grants WHERE authenticator = ?1 AND principal = ?2 AND until_ms > ?3 ORDER BY until_ms, id`)
    .bind(one.authenticator, one.principal, nowMs);
}

export type Granted = { state: "made" | "unchanged"; row: GrantRow; generation: number } | { state: "full" };

/** Grants; the same grant once more changes nothing. Nothing is inserted when MOST_GRANTS have not ended. */
export async function insertGrant(db: D1Database, one: NewGrant): Promise<Granted> {
  const [inserted, , found, generation] = await db.batch([
    db
      .prepare(
        `INSERT INTO grants (authenticator, principal, scopes, from_ms, until_ms, reason, approver, who, made_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE (SELECT COUNT(*) FROM grants WHERE until_ms > ?9) < ?10
         ON CONFLICT DO NOTHING`,
      )
      .bind(
        one.authenticator,
        one.principal,
        one.scopes,
        one.fromMs,
        one.untilMs,
        one.reason,
        one.approver,
        one.who,
        one.madeMs,
        MOST_GRANTS,
      ),
    advanceOverlay(db, one.madeMs),
    db
      .prepare(
        `SELECT ${columns} FROM grants WHERE authenticator = ?1 AND principal = ?2 AND scopes = ?3 AND from_ms = ?4 AND until_ms = ?5`,
      )
      .bind(one.authenticator, one.principal, one.scopes, one.fromMs, one.untilMs),
    selectOverlayGeneration(db),
  ]);
  const row = found?.results[0] as GrantRow | undefined;
  if (row === undefined) return { state: "full" };
  const made = (inserted?.meta.changes ?? 0) > 0;
  return { state: made ? "made" : "unchanged", row, generation: generationIn(generation) };
}

/** Takes a grant back. Gives the new generation, null when there is none of that number. */
export async function deleteGrant(db: D1Database, id: number, nowMs: number): Promise<number | null> {
  const [deleted, , generation] = await db.batch([
    db.prepare("DELETE FROM grants WHERE id = ?1").bind(id),
    advanceOverlay(db, nowMs),
    selectOverlayGeneration(db),
  ]);
  return (deleted?.meta.changes ?? 0) > 0 ? generationIn(generation) : null;
}

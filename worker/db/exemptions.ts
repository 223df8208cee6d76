import { advanceOverlay, generationIn, selectOverlayGeneration } from "./overlay-generation.ts";

/** In force at one time, as many as the core holds (wasm/abi.ts, MAX_EXEMPTIONS). */
export const MOST_EXEMPTIONS = 256;
/** Kept, those that are over included. */
const MOST_ROWS = 4096;
/** For so long the list shows one that is over. */
const SHOWN_MS = 30 * 86_400_000;

export interface NewExemption {
  /** "" = the subject is a network. */
  authenticator: string;
  /** The principal, or the network in canonical form. */
  subject: string;
  /** The network's 17 bytes in hex; "" = the subject is a principal. */
  network: string;
  /** "" = every limit. */
  limit: string;
  /** Of the limit's name, 64 bits in hex; "" = every limit. */
  limitHash: string;
  untilMs: number;
  reason: string;
  who: string;
  madeMs: number;
}

export interface ExemptionRow extends NewExemption {
  id: number;
  /** When and by whom it was ended before its time. */
  endedMs: number | null;
  endedBy: string | null;
}

const columns = `id, authenticator, subject, network, limit_name AS "limit", limit_hash AS "limitHash", until_ms AS "untilMs",
 reason, who, made_ms AS "madeMs", ended_ms AS "endedMs", ended_by AS "endedBy"`;
const inForce = (now: string) => `until_ms > ${now} AND ended_ms IS NULL`;

/** Those that are in force, as ExemptionRow. */
export function selectLiveExemptions(db: Pick<D1Database, "prepare">, nowMs: number): D1PreparedStatement {
  return db
    .prepare(`SELECT ${columns} FROM exemptions WHERE ${inForce("?1")} ORDER BY until_ms DESC, id LIMIT ${MOST_EXEMPTIONS}`)
    .bind(nowMs);
}

/** Those that are in force, the one that ends last first, then those that are over, the newest end first. As ExemptionRow. */
export function selectExemptions(db: Pick<D1Database, "prepare">, nowMs: number): D1PreparedStatement {
  return db
    .prepare(`SELECT ${columns} FROM exemptions ORDER BY ${inForce("?1")} DESC, coalesce(ended_ms, until_ms) DESC, id LIMIT 1000`)
    .bind(nowMs);
}

export function deleteOldExemptions(db: D1Database, nowMs: number): D1PreparedStatement {
  return db.prepare("DELETE FROM exemptions WHERE coalesce(ended_ms, until_ms) <= ?1").bind(nowMs - SHOWN_MS);
}

export type Exempted = { state: "made" | "unchanged"; row: ExemptionRow; generation: number } | { state: "full" };

/** Exempts; the same exemption once more changes nothing. Nothing is inserted when MOST_EXEMPTIONS are in force. */
export async function insertExemption(db: D1Database, one: NewExemption): Promise<Exempted> {
  const [inserted, , found, generation] = await db.batch([
    db
      .prepare(
        `INSERT INTO exemptions (authenticator, subject, network, limit_name, limit_hash, until_ms, reason, who, made_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
         WHERE (SELECT COUNT(*) FROM exemptions WHERE ${inForce("?9")}) < ?10 AND (SELECT COUNT(*) FROM exemptions) < ?11
         ON CONFLICT DO NOTHING`,
      )
      .bind(
        one.authenticator,
        one.subject,
        one.network,
        one.limit,
        one.limitHash,
        one.untilMs,
        one.reason,
        one.who,
        one.madeMs,
        MOST_EXEMPTIONS,
        MOST_ROWS,
      ),
    advanceOverlay(db, one.madeMs),
    db
      .prepare(
        `SELECT ${columns} FROM exemptions
         WHERE authenticator = ?1 AND subject = ?2 AND limit_name = ?3 AND until_ms = ?4 AND ended_ms IS NULL`,
      )
      .bind(one.authenticator, one.subject, one.limit, one.untilMs),
    selectOverlayGeneration(db),
  ]);
  const row = found?.results[0] as ExemptionRow | undefined;
  if (row === undefined) return { state: "full" };
  const made = (inserted?.meta.changes ?? 0) > 0;
  return { state: made ? "made" : "unchanged", row, generation: generationIn(generation) };
}

/** Ends an exemption before its time; its row stays. Gives the new generation, null when none of that number is in force. */
export async function endExemption(db: D1Database, id: number, who: string, nowMs: number): Promise<number | null> {
  const [ended, , generation] = await db.batch([
    db.prepare(`UPDATE exemptions SET ended_ms = ?2, ended_by = ?3 WHERE id = ?1 AND ${inForce("?2")}`).bind(id, nowMs, who),
    advanceOverlay(db, nowMs),
    selectOverlayGeneration(db),
  ]);
  return (ended?.meta.changes ?? 0) > 0 ? generationIn(generation) : null;
}

import { advanceOverlay, generationIn, selectOverlayGeneration } from "./overlay-generation.ts";

/** The last instant that a Date can hold: as `beforeMs` whenever it was issued, as `expiresMs` never. */
export const FOREVER_MS = 8_640_000_000_000_000;
/** As many as the core holds (wasm/abi.ts, MAX_REVOCATIONS), devices that are refused included. */
export const MOST_REVOCATIONS = 4096;

export interface NewRevocation {
  kind: "token" | "principal" | "credential" | "issuer";
  authenticator: string;
  /** Token id, principal or key id; "" for an issuer. */
  subject: string;
  /** What was issued before is revoked. */
  beforeMs: number;
  expiresMs: number;
  reason: string;
  who: string;
  madeMs: number;
}

export interface RevocationRow extends NewRevocation {
  id: number;
}

const columns = `id, kind, authenticator, subject, before_ms AS "beforeMs", expires_ms AS "expiresMs", reason, who, made_ms AS "madeMs"`;

/** Those that are in force, as RevocationRow. What two clocks disagree on is what is about to expire: that goes last. */
export function selectLiveRevocations(db: Pick<D1Database, "prepare">, nowMs: number): D1PreparedStatement {
  return db
    .prepare(`SELECT ${columns} FROM revocations WHERE expires_ms > ?1 ORDER BY expires_ms DESC, id LIMIT ${MOST_REVOCATIONS}`)
    .bind(nowMs);
}

/** What a revocation may strike: who called, with which credential, and when that was issued (null = it does not say). */
export interface Struck {
  authenticator: string;
  principal: string;
  credential: string;
  issuedMs: number | null;
}

/** Those in force that strike a credential, the newest first. One that does not say when it was issued counts as older. */
export function selectRevocationsOf(db: Pick<D1Database, "prepare">, one: Struck, nowMs: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT ${columns} FROM revocations WHERE authenticator = ?1 AND expires_ms > ?2 AND before_ms > ?3
         AND ((kind = 'principal' AND subject = ?4) OR (kind = 'credential' AND subject = ?5) OR (kind = 'issuer' AND subject = ''))
       ORDER BY made_ms DESC, id`,
    )
    .bind(one.authenticator, nowMs, one.issuedMs ?? 0, one.principal, one.credential);
}

export type Revoked = { state: "made" | "unchanged"; row: RevocationRow; generation: number } | { state: "full" };

/**
 * Revokes. What is revoked already is only ever revoked more widely: for longer, or of what was issued later. Nothing is
 * inserted when as many as MOST_REVOCATIONS are in force.
 */
export async function insertRevocation(db: D1Database, one: NewRevocation): Promise<Revoked> {
  const [inserted, , found, generation] = await db.batch([
    db
      .prepare(
        `INSERT INTO revocations (kind, authenticator, subject, before_ms, expires_ms, reason, who, made_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE (SELECT COUNT(*) FROM revocations WHERE expires_ms > ?8) + (SELECT COUNT(*) FROM devices WHERE state <> 'active') < ?9
            OR EXISTS (SELECT 1 FROM revocations WHERE kind = ?1 AND authenticator = ?2 AND subject = ?3 AND expires_ms > ?8)
         ON CONFLICT (kind, authenticator, subject) DO UPDATE SET
           before_ms = MAX(before_ms, excluded.before_ms), expires_ms = MAX(expires_ms, excluded.expires_ms),
           reason = excluded.reason, who = excluded.who, made_ms = excluded.made_ms
         WHERE excluded.before_ms > before_ms OR excluded.expires_ms > expires_ms`,
      )
      .bind(
        one.kind,
        one.authenticator,
        one.subject,
        one.beforeMs,
        one.expiresMs,
        one.reason,
        one.who,
        one.madeMs,
        MOST_REVOCATIONS,
      ),
    advanceOverlay(db, one.madeMs),
    db
      .prepare(`SELECT ${columns} FROM revocations WHERE kind = ?1 AND authenticator = ?2 AND subject = ?3 AND expires_ms > ?4`)
      .bind(one.kind, one.authenticator, one.subject, one.madeMs),
    selectOverlayGeneration(db),
  ]);
  const row = found?.results[0] as RevocationRow | undefined;
  if (row === undefined) return { state: "full" };
  const made = (inserted?.meta.changes ?? 0) > 0;
  return { state: made ? "made" : "unchanged", row, generation: generationIn(generation) };
}

/** Lifts a revocation. Gives the new generation, null when there is none of that number. */
export async function deleteRevocation(db: D1Database, id: number, nowMs: number): Promise<number | null> {
  const [deleted, , generation] = await db.batch([
    db.prepare("DELETE FROM revocations WHERE id = ?1").bind(id),
    advanceOverlay(db, nowMs),
    selectOverlayGeneration(db),
  ]);
  return (deleted?.meta.changes ?? 0) > 0 ? generationIn(generation) : null;
}

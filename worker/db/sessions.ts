/** Times of a session, ms since 1970. */
export interface SessionTimes {
  seenMs: number;
  expiresMs: number;
}

export function insertSession(db: D1Database, tokenHash: string, nowMs: number, expiresMs: number): D1PreparedStatement {
  return db
    .prepare("INSERT INTO sessions (token_hash, created_ms, seen_ms, expires_ms) VALUES (?1, ?2, ?2, ?3)")
    .bind(tokenHash, nowMs, expiresMs);
}

/** The session while it is neither expired nor idle since before `idleSinceMs`; null otherwise. */
export async function readSession(
  db: D1Database,
  tokenHash: string,
  nowMs: number,
  idleSinceMs: number,
): Promise<SessionTimes | null> {
  return db
    .prepare(
      `SELECT seen_ms AS "seenMs", expires_ms AS "expiresMs" FROM sessions
       WHERE token_hash = ?1 AND expires_ms > ?2 AND seen_ms > ?3`,
    )
    .bind(tokenHash, nowMs, idleSinceMs)
    .first<SessionTimes>();
}

export async function touchSession(db: D1Database, tokenHash: string, nowMs: number): Promise<void> {
  await db.prepare("UPDATE sessions SET seen_ms = ?2 WHERE token_hash = ?1").bind(tokenHash, nowMs).run();
}

export async function deleteSession(db: D1Database, tokenHash: string): Promise<void> {
  await db.prepare("DELETE FROM sessions WHERE token_hash = ?1").bind(tokenHash).run();
}

export async function insertSession(db: D1Database, tokenHash: string, nowMs: number, expiresMs: number): Promise<void> {
  await db
    .prepare("INSERT INTO sessions (token_hash, created_ms, expires_ms) VALUES (?1, ?2, ?3)")
    .bind(tokenHash, nowMs, expiresMs)
    .run();
}

/** When the session ends, ms; null when it is unknown or has ended. */
export async function readSession(db: D1Database, tokenHash: string, nowMs: number): Promise<number | null> {
  return db
    .prepare("SELECT expires_ms FROM sessions WHERE token_hash = ?1 AND expires_ms > ?2")
    .bind(tokenHash, nowMs)
    .first<number>("expires_ms");
}

export async function deleteSession(db: D1Database, tokenHash: string): Promise<void> {
  await db.prepare("DELETE FROM sessions WHERE token_hash = ?1").bind(tokenHash).run();
}

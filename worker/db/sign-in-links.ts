export async function insertSignInLink(db: D1Database, tokenHash: string, expiresMs: number): Promise<void> {
  await db.prepare("INSERT INTO sign_in_links (token_hash, expires_ms) VALUES (?1, ?2)").bind(tokenHash, expiresMs).run();
}

/** Uses the link up; false when it is unknown, expired or used. One statement, so two browsers cannot share a link. */
export async function redeemSignInLink(db: D1Database, tokenHash: string, nowMs: number): Promise<boolean> {
  const result = await db
    .prepare("UPDATE sign_in_links SET used = 1 WHERE token_hash = ?1 AND used = 0 AND expires_ms > ?2")
    .bind(tokenHash, nowMs)
    .run();
  return result.meta.changes === 1;
}

import type { ApiKey } from "./api-keys.ts";
import { advanceOverlay, generationIn, selectOverlayGeneration } from "./overlay-generation.ts";
import { MOST_REVOCATIONS } from "./revocations.ts";

/** Who is said to have made the revocations below: only they are touched here. */
const WHO = "api-keys";
/** Far longer than an isolate goes on with what it read of a key (wasm/core/key-facts.ts): then D1 alone suffices. */
const REVOKED_MS = 600_000;

/**
 * What is to be in force at once, beside the row that isolates read within a minute: keys of the id that were made before an
 * instant are revoked; or no longer those that were made since.
 */
export interface AtOnce {
  how: "revoke" | "spare";
  beforeMs: number;
}

export type Changed = { state: "changed"; generation: number } | { state: "contended" } | { state: "full" };

/**
 * Puts `after` in the place of a key that was read as `before`. One transaction: what isolates are to hear at once is heard if,
 * and only if, the key changed. "full": no more revocations may be in force, and nothing changed.
 */
export async function changeApiKey(db: D1Database, before: ApiKey, after: ApiKey, atOnce: AtOnce | null): Promise<Changed> {
  const told = atOnce === null ? [] : [tell(db, after, atOnce), advanceOverlay(db, after.changedMs)];
  const results = await db.batch([
    update(db, before, after, atOnce?.how === "revoke"),
    ...told,
    db.prepare("SELECT version FROM api_keys WHERE authenticator = ?1 AND id = ?2").bind(after.authenticator, after.id),
    selectOverlayGeneration(db),
  ]);
  if (results[0]?.meta.changes === 1) return { state: "changed", generation: generationIn(results.at(-1)) };
  const version = (results.at(-2)?.results[0] as { version: number } | undefined)?.version;
  return { state: version === before.version ? "full" : "contended" };
}

function update(db: D1Database, before: ApiKey, after: ApiKey, needsRoom: boolean): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE api_keys SET sha256 = ?4, made_ms = ?5, expires_ms = ?6, disabled_ms = ?7, previous_sha256 = ?8, previous_made_ms = ?9,
         previous_until_ms = ?10, who = ?11, reason = ?12, changed_ms = ?13, version = version + 1
       WHERE authenticator = ?1 AND id = ?2 AND version = ?3 AND (?14 = 0
         OR (SELECT COUNT(*) FROM revocations WHERE expires_ms > ?13) < ?15
         OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'credential' AND authenticator = ?1 AND subject = ?2 AND expires_ms > ?13))`,
    )
    .bind(
      before.authenticator,
      before.id,
      before.version,
      after.sha256,
      after.madeMs,
      after.expiresMs,
      after.disabledMs,
      after.previousSha256,
      after.previousMadeMs,
      after.previousUntilMs,
      after.who,
      after.reason,
      after.changedMs,
      needsRoom ? 1 : 0,
      MOST_REVOCATIONS,
    );
}

/** Runs behind the update: `changes()` are its. A revocation that somebody made, and that is not over, is only ever made wider. */
function tell(db: D1Database, key: ApiKey, { how, beforeMs }: AtOnce): D1PreparedStatement {
  if (how === "spare") {
    return db
      .prepare(
        `UPDATE revocations SET before_ms = ?3 WHERE kind = 'credential' AND authenticator = ?1 AND subject = ?2 AND who = ?4
         AND changes() > 0`,
      )
      .bind(key.authenticator, key.id, beforeMs, WHO);
  }
  return db
    .prepare(
      `INSERT INTO revocations (kind, authenticator, subject, before_ms, expires_ms, reason, who, made_ms)
       SELECT 'credential', ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE changes() > 0
       ON CONFLICT (kind, authenticator, subject) DO UPDATE SET
         before_ms = CASE WHEN expires_ms > ?7 THEN MAX(before_ms, excluded.before_ms) ELSE excluded.before_ms END,
         reason = CASE WHEN expires_ms > ?7 THEN reason ELSE excluded.reason END,
         who = CASE WHEN expires_ms > ?7 THEN who ELSE excluded.who END,
         expires_ms = MAX(expires_ms, excluded.expires_ms)`,
    )
    .bind(key.authenticator, key.id, beforeMs, key.changedMs + REVOKED_MS, "the API key was changed", WHO, key.changedMs);
}

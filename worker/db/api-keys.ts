/** As many as may be kept; the bound is the table's, each isolate keeps what it needs of them. */
export const MOST_API_KEYS = 50_000;
/** What has ended is kept so long, for those who ask which key that was. */
const ENDED_KEPT_MS = 30 * 86_400_000;

/** An API key as D1 keeps it, all but what it is. */
export interface ApiKey {
  authenticator: string;
  id: string;
  sha256: string;
  environment: string;
  kind: string;
  /** Space-separated. */
  scopes: string;
  roles: string[];
  owner: string;
  addresses: string[];
  createdMs: number;
  madeMs: number;
  expiresMs: number | null;
  disabledMs: number | null;
  previousSha256: string | null;
  previousMadeMs: number | null;
  previousUntilMs: number | null;
  who: string;
  reason: string;
  changedMs: number;
  version: number;
}

/** `lastUsedMs`: as the regions reported its principal; null = not seen yet. */
export type ListedKey = ApiKey & { lastUsedMs: number | null };

type Row<Key> = Omit<Key, "roles" | "addresses"> & { roles: string; addresses: string };

const columns = `k.authenticator, k.id, k.sha256, k.environment, k.kind, k.scopes, k.roles, k.owner, k.addresses,
  k.created_ms AS "createdMs", k.made_ms AS "madeMs", k.expires_ms AS "expiresMs", k.disabled_ms AS "disabledMs",
  k.previous_sha256 AS "previousSha256", k.previous_made_ms AS "previousMadeMs", k.previous_until_ms AS "previousUntilMs",
  k.who, k.reason, k.changed_ms AS "changedMs", k.version`;

/** With when its principal was last seen. */
const listed = `SELECT ${columns}, p.last_ms AS "lastUsedMs" FROM api_keys k
  LEFT JOIN principals p ON p.authenticator = k.authenticator AND p.principal = k.id`;

function keyOf<Key>(row: Row<Key>): Key {
  const { roles, addresses } = row;
  return { ...row, roles: JSON.parse(roles), addresses: JSON.parse(addresses) } as Key;
}

/**
 * The key of an authenticator with that SHA-256 in hex, or the one before it that still counts: with the end and the beginning
 * of the very key that was asked for. null = there is none.
 */
export async function readApiKey(db: Pick<D1Database, "prepare">, authenticator: string, sha256: string) {
  const row = await db
    .prepare(
      // The unary + keeps SQLite from walking all keys of the authenticator instead of the two indexes.
      `SELECT id, kind, scopes, roles, addresses, disabled_ms IS NOT NULL AS "isDisabled",
         CASE WHEN sha256 = ?2 THEN made_ms ELSE previous_made_ms END AS "madeMs",
         CASE WHEN sha256 = ?2 THEN expires_ms ELSE MIN(previous_until_ms, COALESCE(expires_ms, previous_until_ms)) END AS "expiresMs"
       FROM api_keys WHERE +authenticator = ?1 AND (sha256 = ?2 OR previous_sha256 = ?2)`,
    )
    .bind(authenticator, sha256)
    .first<
      Row<Pick<ApiKey, "id" | "kind" | "scopes" | "roles" | "addresses" | "madeMs" | "expiresMs">> & { isDisabled: number }
    >();
  if (row === null) return null;
  const { isDisabled, ...key } = row;
  return {
    ...keyOf<Pick<ApiKey, "id" | "kind" | "scopes" | "roles" | "addresses" | "madeMs" | "expiresMs">>(key),
    isDisabled: isDisabled !== 0,
  };
}

/** The key of that id; null = there is none. */
export async function selectApiKey(
  db: Pick<D1Database, "prepare">,
  authenticator: string,
  id: string,
): Promise<ListedKey | null> {
  const row = await db
    .prepare(`${listed} WHERE k.authenticator = ?1 AND k.id = ?2`)
    .bind(authenticator, id)
    .first<Row<ListedKey>>();
  return row && keyOf<ListedKey>(row);
}

/** Keys behind `after` in the order of authenticator and id, at most `limit`. `authenticator` "" = of all. */
export async function listApiKeys(
  db: D1Database,
  authenticator: string,
  after: Pick<ApiKey, "authenticator" | "id">,
  limit: number,
): Promise<ListedKey[]> {
  const { results } = await db
    .prepare(
      `${listed} WHERE (?1 = '' OR k.authenticator = ?1) AND (k.authenticator, k.id) > (?2, ?3)
       ORDER BY k.authenticator, k.id LIMIT ?4`,
    )
    .bind(authenticator, after.authenticator, after.id, limit)
    .all<Row<ListedKey>>();
  return results.map((row) => keyOf<ListedKey>(row));
}

/** Those of `ids` that have a key at the authenticator. */
export async function storedIds(db: D1Database, authenticator: string, ids: readonly string[]): Promise<string[]> {
  const { results } = await db
    .prepare("SELECT id FROM api_keys WHERE authenticator = ?1 AND id IN (SELECT value FROM json_each(?2))")
    .bind(authenticator, JSON.stringify(ids))
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** False when there is a key of that id, or there are as many keys as there may be. */
export async function insertApiKey(db: D1Database, key: ApiKey): Promise<boolean> {
  const result = await db
    .prepare(
      `INSERT INTO api_keys (authenticator, id, sha256, environment, kind, scopes, roles, owner, addresses, created_ms, made_ms,
         expires_ms, who, reason, changed_ms, version)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1
       WHERE (SELECT COUNT(*) FROM api_keys) < ?16
       ON CONFLICT (authenticator, id) DO NOTHING`,
    )
    .bind(
      key.authenticator,
      key.id,
      key.sha256,
      key.environment,
      key.kind,
      key.scopes,
      JSON.stringify(key.roles),
      key.owner,
      JSON.stringify(key.addresses),
      key.createdMs,
      key.madeMs,
      key.expiresMs,
      key.who,
      key.reason,
      key.changedMs,
      MOST_API_KEYS,
    )
    .run();
  return result.meta.changes === 1;
}

/** Keys that ended long ago: their ids are free again. */
export function deleteEndedApiKeys(db: D1Database, nowMs: number): D1PreparedStatement {
  return db.prepare("DELETE FROM api_keys WHERE expires_ms <= ?1").bind(nowMs - ENDED_KEPT_MS);
}

/** A published policy without its image. */
export interface PolicyRow {
  version: number;
  publishedMs: number;
  /** Hex; says whether a policy is the same, reveals nothing of it. */
  digest: string;
  /** PolicyMeta as JSON. */
  meta: string;
}

export interface SealedRow {
  version: number;
  meta: string;
  image: Uint8Array;
}

/** { version } of the newest policy, null when there is none. */
export function selectNewestVersion(db: Pick<D1Database, "prepare">): D1PreparedStatement {
  return db.prepare("SELECT MAX(version) AS version FROM policies");
}

/** The newest policy as PolicyRow. */
export function selectNewestPolicy(db: Pick<D1Database, "prepare">): D1PreparedStatement {
  return db.prepare(`SELECT version, published_ms AS "publishedMs", digest, meta FROM policies ORDER BY version DESC LIMIT 1`);
}

/** The newest policy with its encrypted image; null when none was published. */
export async function readSealedPolicy(db: Pick<D1Database, "prepare">): Promise<SealedRow | null> {
  const row = await db
    .prepare("SELECT version, meta, image FROM policies ORDER BY version DESC LIMIT 1")
    .first<{ version: number; meta: string; image: number[] | ArrayBuffer }>();
  // D1 answers a BLOB as an array of numbers or as a buffer, by API version; the constructor takes either.
  return row && { version: row.version, meta: row.meta, image: new Uint8Array(row.image) };
}

/**
 * Inserts `version` only while it is the next one: two publishers of the same number cannot both succeed.
 * Resolves to false when another came first.
 */
export async function insertPolicy(db: D1Database, policy: PolicyRow & { source: string; image: Uint8Array }): Promise<boolean> {
  const result = await db
    .prepare(
      `INSERT INTO policies (version, published_ms, digest, source, meta, image)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?1 = (SELECT COALESCE(MAX(version), 0) + 1 FROM policies)`,
    )
    .bind(policy.version, policy.publishedMs, policy.digest, policy.source, policy.meta, policy.image)
    .run();
  return result.meta.changes === 1;
}

/** Text of the newest policy as it was published; null when none was. */
export function readPolicySource(db: Pick<D1Database, "prepare">): Promise<string | null> {
  return db.prepare("SELECT source FROM policies ORDER BY version DESC LIMIT 1").first<string>("source");
}

import type { SealedRow } from "../db/policies.ts";

/** The last policy, kept in the object's own storage (encrypted as it came), so that a restart while D1 is away still serves it. */
export class PolicyShelf {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS policy (version INTEGER NOT NULL, meta TEXT NOT NULL, image BLOB NOT NULL)");
  }

  read(): SealedRow | null {
    const row = this.#sql
      .exec<{ version: number; meta: string; image: ArrayBuffer }>(
        "SELECT version, meta, image FROM policy ORDER BY version DESC",
      )
      .toArray()[0];
    return row ? { version: row.version, meta: row.meta, image: new Uint8Array(row.image) } : null;
  }

  put({ version, meta, image }: SealedRow): void {
    if (this.read()?.version === version) return;
    this.#sql.exec("DELETE FROM policy");
    this.#sql.exec("INSERT INTO policy VALUES (?, ?, ?)", version, meta, image);
  }
}
